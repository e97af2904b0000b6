"""Worlds: pairs and their encoders, opened by the name in a profile. Notebooks know only this interface."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from lib.data.clip_arrays import coco500
from lib.data.errors import CompanionError, NotAvailable
from lib.data.pairs import Pairs
from lib.data.scenes import SceneTruth, scenes, truth_of
from lib.encoders.clip import ClipEncoder, load_clip
from lib.encoders.embeddings import Embeddings
from lib.encoders.judges import JudgeEncoder, truth_judge
from lib.encoders.store import embed

if TYPE_CHECKING:
    from lib.run.profiles import Profile


class World:
    """What every world has: unit-norm embeddings of its splits. The rest is there where the world has it.

    sizes: pairs in each split. Asking for what a world lacks raises NotAvailable, which skips the notebook.
    """

    name: str

    def __init__(self, profile: Profile) -> None:
        self.sizes = profile.splits.model_dump()

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

    def pairs(self, split: str) -> Pairs:
        """Pictures, captions and facts of a split."""
        raise NotAvailable(f"world {self.name} has embeddings but no pictures; use profile scenes")


class Scenes(World):
    """Rendered scenes, the small CLIP trained on them, the independent judge and the truth."""

    name = "scenes"

    @property
    def encoder(self) -> ClipEncoder:
        """The small open_clip model."""
        return _scenes_clip()

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
        return _scene_activations(split, self._size(split), layer)

    def judges(self, split: str) -> dict[str, Embeddings]:
        return _scene_judges(split, self._size(split))

    def _size(self, split: str) -> int:
        return self.sizes["test" if split == "novel" else split]


class ClipArrays(World):
    """Real CLIP embeddings of 500 COCO pairs; the splits are cut from one fixed permutation."""

    name = "clip-arrays"

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


# Notebooks ask for the same split many times; what a caption of 20,000 scenes says takes seconds to draw.


@cache
def _scenes(split: str, n: int) -> Pairs:
    return scenes(split, n)


@cache
def _scenes_clip() -> ClipEncoder:
    return load_clip("scenes-clip")


@cache
def _scene_embeddings(split: str, n: int) -> Embeddings:
    return embed(_scenes(split, n), _scenes_clip()).unit()


@cache
def _scene_activations(split: str, n: int, layer: int) -> Embeddings:
    return embed(_scenes(split, n), _scenes_clip(), towers=("image",), layer=layer)


@cache
def _scene_judges(split: str, n: int) -> dict[str, Embeddings]:
    pairs = _scenes(split, n)
    return {"network": embed(pairs, JudgeEncoder(), towers=("image",)), "truth": truth_judge(pairs)}


def open_world(profile: Profile) -> World:
    """The world that a profile names."""
    from lib.run.own_worlds import Clip, OwnArrays, OwnPictures
    from lib.run.photo_worlds import Flickr1k, Objects, Photos

    known = (Scenes, ClipArrays, Photos, Objects, Flickr1k, OwnPictures, OwnArrays, Clip)
    worlds: dict[str, type[World]] = {world.name: world for world in known}
    return worlds[profile.world](profile)
