"""The world `sounds`: procedural sounds with known facts, and the small CLAP that was trained on them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from lib.data.pairs import Pairs
from lib.data.sounds import SoundTruth, sounds, truth_of
from lib.data.sounds.sound_grammar import instrument_prompts
from lib.data.sounds.sound_words import KIND_NAMES
from lib.encoders.embeddings import Embeddings
from lib.encoders.judges import truth_judge
from lib.encoders.store import embed
from lib.worlds.world import World

if TYPE_CHECKING:
    from lib.encoders.clap import ClapEncoder

SOUND_GROUPS = ("kind", "family", "pitch", "envelope", "tempo", "motion", "waver", "background", "room")
"""Groups of facts that make two sounds alike for the truth judge: all but loudness."""


class Sounds(World):
    """Procedural sounds, the small CLAP trained on them, and the truth.

    The field `image` of its embeddings contains those of the sounds.
    """

    name = "sounds"
    more_splits = ("novel",)

    @property
    def encoder(self) -> ClapEncoder:
        """The small ClapModel of the sounds."""
        return _sounds_clap()

    def pairs(self, split: str) -> Pairs:
        return _sounds(split, self.size(split))

    def sound_truth(self, split: str) -> SoundTruth:
        return truth_of(split, self.size(split))

    def embeddings(self, split: str) -> Embeddings:
        return _sound_embeddings(split, self.size(split))

    def judges(self, split: str) -> dict[str, Embeddings]:
        """Return truth: centred vectors of the facts of SOUND_GROUPS."""
        return {"truth": truth_judge(self.pairs(split), SOUND_GROUPS)}

    def classes(self, split: str) -> tuple[Embeddings, np.ndarray]:
        return _sound_prompts(), self.sound_truth(split).sounds[:, 0]


@cache
def _sounds(split: str, n: int) -> Pairs:
    return sounds(split, n)


@cache
def _sounds_clap() -> ClapEncoder:
    from lib.encoders.clap import load_clap  # its classes take seconds to import

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
    return Embeddings(np.array(KIND_NAMES), None, rows, encoder.name, normalised=False, identity=identity).unit()
