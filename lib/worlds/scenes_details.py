"""The world `scenes-details`: captions about details, and an encoder trained only on poor captions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from lib.base.errors import NotAvailable
from lib.data.pairs import Pairs
from lib.encoders.embeddings import Embeddings, Tower
from lib.encoders.scene_heads import ENCODERS, HeadedClip, scene_heads
from lib.encoders.store import embed
from lib.worlds.scenes import Scenes, scene_embeddings, scene_pairs, scenes_clip
from lib.worlds.world import World

if TYPE_CHECKING:
    from lib.encoders.llava import Llava
    from lib.worlds.profiles import Profile


class ScenesDetails(Scenes):
    """The scenes of `scenes` where paper 4's premise holds: pictures show far more than the encoder's training captions
    said.

    The encoder's heads were trained on captions of one or two facts, the kind of the main object in four of five; the
    captions of this world mention everything except that kind, as a sentence from the middle of a long description
    does.
    """

    name = "scenes-details"
    details = True

    def __init__(self, profile: Profile, number: int = 0) -> None:
        """number: selects one of the shipped encoders, which differ by the seed of their training."""
        super().__init__(profile)
        self._profile, self._number = profile, number

    @property
    def encoder(self) -> HeadedClip:
        return _headed(self._number)

    @property
    def other_encoders(self) -> Sequence[World]:
        others = (number for number in range(ENCODERS) if number != self._number)
        return tuple(ScenesDetails(self._profile, number) for number in others)

    @property
    def llava(self) -> Llava:
        raise NotAvailable(f"world {self.name} has no multimodal LLM of its encoder; use profile scenes")

    def embeddings(self, split: str) -> Embeddings:
        return _embeddings(split, self.size(split), self._number)

    def rows_of(self, pairs: Pairs, tower: Tower) -> np.ndarray:
        return _rows_of(self.encoder, pairs, tower)


# The vectors of scenes-clip for pictures and captions are kept, and serve all encoders.


@cache
def _headed(number: int) -> HeadedClip:
    return scene_heads(scenes_clip(), number)


@cache
def _embeddings(split: str, n: int, number: int) -> Embeddings:
    encoder, pairs = _headed(number), scene_pairs(split, n, details=True)
    image, text = encoder.lift(scene_embeddings(split, n)).image, _rows_of(encoder, pairs, "text")
    identity = {"pairs": pairs.identity, "encoder": encoder.identity, "unit": True}
    return Embeddings(pairs.ids, image, text, encoder.name, True, identity)


def _rows_of(encoder: HeadedClip, pairs: Pairs, tower: Tower) -> np.ndarray:
    return encoder.lift(embed(pairs, encoder.base, towers=(tower,))).tower(tower)
