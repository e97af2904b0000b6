"""Worlds: pairs and their encoders, opened by the name in a profile. Notebooks know only this interface."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from lib.data.clip_arrays import coco500
from lib.data.errors import CompanionError, NotAvailable
from lib.data.pairs import Pairs
from lib.data.scenes import SceneTruth, scenes, truth_of
from lib.data.scenes.vocabulary import GROUP_OF, GROUPS, KIND_NAMES, REALM_OF, REALMS
from lib.data.sounds import SoundTruth, sounds
from lib.data.sounds import truth_of as sound_truth_of
from lib.data.sounds.grammar import instrument_prompts
from lib.data.sounds.vocabulary import KIND_NAMES as SOUND_KINDS
from lib.encoders.clip import ClipEncoder, load_clip
from lib.encoders.embeddings import Embeddings
from lib.encoders.encoder import Encoder
from lib.encoders.hooks import find_blocks
from lib.encoders.judges import JudgeEncoder, truth_judge, truth_of_pairs
from lib.encoders.store import embed, embed_layers

SOUND_GROUPS = ("kind", "family", "pitch", "envelope", "tempo", "motion", "waver", "background", "room")
"""What makes two sounds alike for the truth judge: all but loudness."""

if TYPE_CHECKING:
    from lib.encoders.clap import ClapEncoder
    from lib.encoders.llava import Llava
    from lib.run.profiles import Profile


class World:
    """What every world has: unit-norm embeddings of its splits. The rest is there where the world has it.

    sizes: pairs in each split. Asking for what a world lacks raises NotAvailable, which skips the notebook.
    """

    name: str
    concept_split = "test"
    """The split whose rows show what a latent stands for."""
    keeps_pictures = True
    """Whether figures with its pictures may lie under results/, which is published."""

    def __init__(self, profile: Profile) -> None:
        self.sizes = profile.splits.model_dump()

    @property
    def has_pictures(self) -> bool:
        """Whether its pictures are at hand."""
        try:
            return self.pairs("test").images is not None
        except NotAvailable:
            return False

    @property
    def encoder(self) -> Encoder:
        """The encoder under study, for pictures and captions that are not of the world."""
        raise NotAvailable(f"world {self.name} has embeddings but no encoder; use profile scenes")

    def embeddings(self, split: str) -> Embeddings:
        """Image and text embeddings of a split, unit norm, by the encoder under study."""
        raise NotImplementedError

    def activations(self, split: str, layer: int | None) -> Embeddings:
        """Class tokens of the pictures after block `layer` of the image tower, not normalised; None: `embeddings`."""
        if layer is not None:
            raise NotAvailable(f"world {self.name} has embeddings but no model to look into; use profile scenes")
        return self.embeddings(split)

    def judges(self, split: str) -> dict[str, Embeddings]:
        """Name to embeddings of the same pictures by encoders that are not under study."""
        raise NotImplementedError

    def pair_judges(self, split: str) -> dict[str, Embeddings]:
        """Name to embeddings of pictures and captions in one space, which tell whether they mean the same.

        The first is the most independent one; "source" is the encoder under study itself, a circular judge.
        """
        raise NotAvailable(f"world {self.name} has no judge of pairs; use profile scenes")

    def captions(self, split: str) -> np.ndarray:
        """Unit embeddings (n, c, d) of all captions of each picture of a split; the first are those of `embeddings`."""
        text = self.embeddings(split).text
        if text is None:
            raise NotAvailable(f"world {self.name} has no captions; use profile scenes")
        return text[:, None]

    @property
    def llava(self) -> Llava:
        """A multimodal LLM that sees with the image tower of the encoder under study."""
        raise NotAvailable(f"world {self.name} has no multimodal LLM; use profile scenes")

    def pairs(self, split: str) -> Pairs:
        """Pictures, captions and facts of a split."""
        raise NotAvailable(f"world {self.name} has embeddings but no pictures; use profile scenes")

    def classes(self, split: str) -> tuple[Embeddings, np.ndarray]:
        """Text embeddings of c class prompts, unit norm, and the class (n,) of each pair, from 0 to c - 1."""
        raise NotAvailable(f"world {self.name} has no class labels; use profile scenes")

    @property
    def taxa(self) -> tuple[int, int, int]:
        """How many realms, groups and kinds the taxonomy has."""
        raise NotAvailable(f"world {self.name} has no taxonomy; use profile scenes or tiny-imagenet")

    def taxonomy(self, split: str) -> np.ndarray:
        """(n, 3) numbers of the realm, group and kind of what every picture shows."""
        raise NotAvailable(f"world {self.name} has no taxonomy; use profile scenes or tiny-imagenet")


class Scenes(World):
    """Rendered scenes, the small CLIP trained on them, the independent judge and the truth."""

    name = "scenes"

    @property
    def encoder(self) -> ClipEncoder:
        """The small open_clip model."""
        return _scenes_clip()

    @property
    def llava(self) -> Llava:
        return _scenes_llava()

    def pairs(self, split: str) -> Pairs:
        return _scenes(split, self._size(split))

    def truth(self, split: str) -> SceneTruth:
        """The codes behind the facts, from which the truth of any caption follows."""
        return truth_of(split, self._size(split))

    def embeddings(self, split: str) -> Embeddings:
        return _scene_embeddings(split, self._size(split))

    def activations(self, split: str, layer: int | None) -> Embeddings:
        if layer is None:
            return self.embeddings(split)
        blocks = _scene_activations(split, self._size(split))
        if layer not in blocks:
            raise CompanionError(
                f"no layer {layer!r}: the image tower has {len(blocks)} blocks, 0 to {len(blocks) - 1}"
            )
        return blocks[layer]

    def judges(self, split: str) -> dict[str, Embeddings]:
        return _scene_judges(split, self._size(split))

    def pair_judges(self, split: str) -> dict[str, Embeddings]:
        network = self.judges(split)["network"]
        # The judge reads no text: a caption stands for the picture that it was written for.
        both = Embeddings(network.ids, network.image, network.image, "network", False, network.identity)
        return {"truth": truth_of_pairs(self.pairs(split)), "network": both, "source": self.embeddings(split)}

    def classes(self, split: str) -> tuple[Embeddings, np.ndarray]:
        return _scene_prompts(), self.truth(split).scenes[:, 0]

    @property
    def taxa(self) -> tuple[int, int, int]:
        return len(REALMS), len(GROUPS), len(KIND_NAMES)

    def taxonomy(self, split: str) -> np.ndarray:
        """Of the main object."""
        kind = self.truth(split).scenes[:, 0]
        return np.column_stack([np.array(REALM_OF)[kind], np.array(GROUP_OF)[kind], kind])

    def _size(self, split: str) -> int:
        return self.sizes["test" if split == "novel" else split]


class Sounds(World):
    """Procedural sounds, the small CLAP trained on them, and the truth. Embeddings of sounds stand where others have
    those of images."""

    name = "sounds"

    @property
    def encoder(self) -> ClapEncoder:
        """The small ClapModel."""
        return _sounds_clap()

    def pairs(self, split: str) -> Pairs:
        return _sounds(split, self._size(split))

    def truth(self, split: str) -> SoundTruth:
        """The codes behind the facts, from which the truth of any caption follows."""
        return sound_truth_of(split, self._size(split))

    def embeddings(self, split: str) -> Embeddings:
        return _sound_embeddings(split, self._size(split))

    def judges(self, split: str) -> dict[str, Embeddings]:
        return {"truth": truth_judge(self.pairs(split), SOUND_GROUPS)}

    def classes(self, split: str) -> tuple[Embeddings, np.ndarray]:
        return _sound_prompts(), self.truth(split).sounds[:, 0]

    def _size(self, split: str) -> int:
        return self.sizes["test" if split == "novel" else split]


class ClipArrays(World):
    """Real CLIP embeddings of 500 COCO pairs; the splits are cut from one fixed permutation."""

    name = "clip-arrays"
    concept_split = "train"  # as in the papers; 80 test pairs give a latent hardly an example

    def embeddings(self, split: str) -> Embeddings:
        ids, image, text, identity = coco500()
        if sum(self.sizes.values()) > len(ids):
            raise CompanionError(f"splits of {sum(self.sizes.values())} pairs; world {self.name} has {len(ids)}")
        order = np.random.default_rng(0).permutation(len(ids))
        ends = np.cumsum([self.sizes[name] for name in ("train", "dev", "test")])
        cuts = dict(zip(("train", "dev", "test"), np.split(order, ends)[:3], strict=True))
        if split not in cuts:
            raise CompanionError(f"world {self.name} has no split {split!r}; known: {', '.join(cuts)}")
        everything = Embeddings(ids, image, text, "CLIP ViT-B/16", normalised=False, identity=identity)
        return everything.unit().rows(cuts[split], f"{split} of {list(self.sizes.values())}")

    def judges(self, split: str) -> dict[str, Embeddings]:
        """The captions' embeddings judge the pictures: another modality of the same CLIP, so only half independent."""
        mine = self.embeddings(split)
        captions = Embeddings(mine.ids, mine.text, None, "captions", normalised=True, identity={"of": mine.identity})
        return {"captions": captions}

    def pair_judges(self, split: str) -> dict[str, Embeddings]:
        """Pictures are judged by their captions, so one tower of the same CLIP judges both: half independent."""
        mine = self.embeddings(split)
        captions = Embeddings(mine.ids, mine.text, mine.text, "captions", True, {"of": mine.identity})
        return {"captions": captions, "source": mine}


# Notebooks ask for the same split many times; what a caption of 20,000 scenes says takes seconds to draw.


@cache
def _scenes(split: str, n: int) -> Pairs:
    return scenes(split, n)


@cache
def _scenes_clip() -> ClipEncoder:
    return load_clip("scenes-clip")


@cache
def _scenes_llava() -> Llava:
    from lib.encoders.llava import load_llava  # its classes take seconds to import, and few notebooks talk to it

    return load_llava("scenes-llava")


@cache
def _scene_embeddings(split: str, n: int) -> Embeddings:
    return embed(_scenes(split, n), _scenes_clip()).unit()


@cache
def _scene_activations(split: str, n: int) -> dict[int, Embeddings]:
    """Every block at once: one costs as much as all."""
    encoder = _scenes_clip()
    return embed_layers(_scenes(split, n), encoder, range(len(find_blocks(encoder).modules)))


@cache
def _scene_judges(split: str, n: int) -> dict[str, Embeddings]:
    pairs = _scenes(split, n)
    return {"network": embed(pairs, JudgeEncoder(), towers=("image",)), "truth": truth_judge(pairs)}


@cache
def _scene_prompts() -> Embeddings:
    encoder = _scenes_clip()
    prompts = [f"a picture of a {name}" for name in KIND_NAMES]
    rows = encoder.encode_texts(prompts)
    identity = {"prompts": prompts, "by": encoder.identity}
    return Embeddings(np.array(KIND_NAMES), None, rows, encoder.name, normalised=False, identity=identity).unit()


@cache
def _sounds(split: str, n: int) -> Pairs:
    return sounds(split, n)


@cache
def _sounds_clap() -> ClapEncoder:
    from lib.encoders.clap import load_clap  # as above

    return load_clap("sounds-clap")


@cache
def _sound_embeddings(split: str, n: int) -> Embeddings:
    return embed(_sounds(split, n), _sounds_clap()).unit()


@cache
def _sound_prompts() -> Embeddings:
    encoder = _sounds_clap()
    prompts = instrument_prompts()
    rows = encoder.encode_texts(list(prompts))
    identity = {"prompts": prompts, "by": encoder.identity}
    return Embeddings(np.array(SOUND_KINDS), None, rows, encoder.name, normalised=False, identity=identity).unit()


def open_world(profile: Profile) -> World:
    """The world that a profile names."""
    from lib.run.own_worlds import Clip, OwnArrays, OwnPictures
    from lib.run.photo_worlds import Flickr1k, Objects, Photos

    known = (Scenes, Sounds, ClipArrays, Photos, Objects, Flickr1k, OwnPictures, OwnArrays, Clip)
    worlds: dict[str, type[World]] = {world.name: world for world in known}
    return worlds[profile.world](profile)
