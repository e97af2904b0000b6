"""The world `scenes`: rendered scenes with known facts, and the small models that were trained on them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from lib.base.errors import CompanionError
from lib.data.pairs import Pairs
from lib.data.scenes import SceneTruth, scenes, truth_of
from lib.data.scenes.scene_words import GROUP_OF, GROUPS, KIND_NAMES, REALM_OF, REALMS
from lib.encoders.clip import ClipEncoder, load_clip
from lib.encoders.embeddings import Embeddings, Tower
from lib.encoders.encoder import TextEncoder
from lib.encoders.hooks import find_blocks
from lib.encoders.judges import JudgeEncoder, truth_judge, truth_of_pairs
from lib.encoders.store import embed, embed_layers
from lib.worlds.world import World, judge_captions_too

if TYPE_CHECKING:
    from lib.encoders.llava import Llava


class Scenes(World):
    """Rendered scenes, the small CLIP trained on them, the independent judge and the truth."""

    name = "scenes"
    more_splits = ("novel",)

    @property
    def encoder(self) -> TextEncoder:
        """The small open_clip model of the scenes."""
        return scenes_clip()

    @property
    def llava(self) -> Llava:
        return _scenes_llava()

    def pairs(self, split: str) -> Pairs:
        return scene_pairs(split, self.size(split), self.details)

    def scene_truth(self, split: str) -> SceneTruth:
        return truth_of(split, self.size(split), details=self.details)

    def embeddings(self, split: str) -> Embeddings:
        return scene_embeddings(split, self.size(split))

    def rows_of(self, pairs: Pairs, tower: Tower) -> np.ndarray:
        return np.asarray(embed(pairs, self.encoder, towers=(tower,)).unit().tower(tower))

    def activations(self, split: str, layer: int | None) -> Embeddings:
        if layer is None:
            return self.embeddings(split)
        blocks = _scene_activations(split, self.size(split))
        if layer not in blocks:
            raise CompanionError(
                f"no layer {layer!r}: the image tower has {len(blocks)} blocks, 0 to {len(blocks) - 1}"
            )
        return blocks[layer]

    def judges(self, split: str) -> dict[str, Embeddings]:
        """Return network: a small convolutional network, and truth: centred vectors of the facts."""
        return _scene_judges(split, self.size(split))

    def pair_judges(self, split: str) -> dict[str, Embeddings]:
        """Return truth: facts of pictures and of captions, and network: the small convolutional network, for both."""
        network = judge_captions_too(self.judge(split, "network"))
        return {"truth": truth_of_pairs(self.pairs(split)), "network": network, "source": self.embeddings(split)}

    def classes(self, split: str) -> tuple[Embeddings, np.ndarray]:
        return self._prompts(), self.scene_truth(split).scenes[:, 0]

    @property
    def taxa(self) -> tuple[int, int, int]:
        return len(REALMS), len(GROUPS), len(KIND_NAMES)

    def taxonomy(self, split: str) -> np.ndarray:
        """Number the realm, group and kind of the main object, (n, 3)."""
        kind = self.scene_truth(split).scenes[:, 0]
        return np.column_stack([np.array(REALM_OF)[kind], np.array(GROUP_OF)[kind], kind])

    def _prompts(self) -> Embeddings:
        """Embed one prompt for each kind of main object."""
        prompts = [f"a picture of a {name}" for name in KIND_NAMES]
        rows = self.encoder.encode_texts(prompts)
        identity = {"prompts": prompts, "by": self.encoder.identity}
        return Embeddings(np.array(KIND_NAMES), None, rows, self.encoder.name, False, identity).unit()


# Notebooks ask for the same split many times, and drawing the captions of 20,000 scenes takes seconds.


@cache
def scene_pairs(split: str, n: int, details: bool = False) -> Pairs:
    """Draw `scenes` once per process."""
    return scenes(split, n, details=details)


@cache
def scenes_clip() -> ClipEncoder:
    """Load the shipped encoder of scenes once per process."""
    return load_clip("scenes-clip")


@cache
def _scenes_llava() -> Llava:
    from lib.encoders.llava import load_llava  # its classes take seconds to import, and few notebooks talk to it

    return load_llava("scenes-llava")


@cache
def scene_embeddings(split: str, n: int) -> Embeddings:
    """Embed scenes by the shipped encoder once per process."""
    return embed(scene_pairs(split, n), scenes_clip()).unit()


@cache
def _scene_activations(split: str, n: int) -> dict[int, Embeddings]:
    """Return class tokens after every block, since one block costs as much as all of them."""
    encoder = scenes_clip()
    return embed_layers(scene_pairs(split, n), encoder, range(len(find_blocks(encoder).modules)))


@cache
def _scene_judges(split: str, n: int) -> dict[str, Embeddings]:
    pairs = scene_pairs(split, n)
    return {"network": embed(pairs, JudgeEncoder(), towers=("image",)), "truth": truth_judge(pairs)}
