"""The data set of sounds: sounds, captions and the whole truth, made from a seed on every machine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.data.formats.audio import Sound
from lib.data.pairs import Facts, Pairs
from lib.data.procedural import NOVEL, Drawn, check_rows, fact_table, lifted, row_ids, row_random, write_captions
from lib.data.sounds.score import RATE, Score, draw_score
from lib.data.sounds.sound_grammar import FACTORS, VALUES, factors, phrase
from lib.data.sounds.sound_words import FAMILIES, FAMILY_OF, KIND_NAMES
from lib.data.sounds.synthesis import play

VERSION = 1
"""The version in every identity; raise it whenever a change moves a byte of a sound or a caption."""

_SHORT, _LONG = (2, 4), (6, 10)
"""The fewest and the most facts that the two captions of a pair mention."""

_SCORE, _SAMPLES, _CAPTIONS = range(3)
"""The parts of a sound that have separate random numbers."""


def score_of(split: str, seed: int, index: int) -> Score:
    """Draw the content of sound `index` of a split."""
    return draw_score(row_random(VERSION, split, seed, index, _SCORE), novel=NOVEL[split])


def sound_of(split: str, seed: int, index: int) -> Sound:
    """Synthesise sound `index` of a split: two seconds at 16 kHz."""
    return Sound(play(score_of(split, seed, index), row_random(VERSION, split, seed, index, _SAMPLES)), RATE)


class SynthesisedSounds(Drawn[Sound]):
    """The sounds start..stop of a split."""

    called = "sounds"

    def draw(self, index: int) -> Sound:
        return sound_of(self.split, self.seed, index)


@dataclass(frozen=True)
class SoundTruth:
    """The content of n sounds and of their captions, as codes; see `sound_grammar`.

    With `sound_grammar.true_of`, it decides of any caption whether it is true of any of the sounds.
    """

    sounds: np.ndarray
    """The codes of the factors of each sound, int16 (n, 10)."""
    asserted: np.ndarray
    """The codes that the short and the long caption assert, int16 (n, 2, 10)."""


def sounds(split: str, n: int, seed: int = 0) -> Pairs:
    """Make n pairs of a split, each with a short and a long caption and its facts.

    The same split, n and seed give the same bytes on every machine, and a smaller n gives the first of the pairs.

    Examples
    --------
    >>> pairs = sounds("test", 2)
    >>> pairs.sounds[0].seconds, pairs.captions[0][0]
    (2.0, 'a recording of an organ staying on one note')
    """
    check_rows("sounds", split, n)
    truth, captions = _truth_and_captions(split, n, seed)
    return Pairs(
        ids=row_ids(split, seed, range(n)),
        images=None,
        captions=captions,
        identity={"world": "sounds", "version": VERSION, "split": split, "n": n, "seed": seed},
        facts=_facts(truth),
        sounds=SynthesisedSounds(split, seed, 0, n),
    )


def truth_of(split: str, n: int, seed: int = 0) -> SoundTruth:
    """Return the codes of `sounds(split, n, seed)`."""
    return _truth_and_captions(split, n, seed)[0]


def _truth_and_captions(split: str, n: int, seed: int) -> tuple[SoundTruth, tuple[tuple[str, ...], ...]]:
    truth = SoundTruth(np.empty((n, len(FACTORS)), np.int16), np.empty((n, 2, len(FACTORS)), np.int16))
    captions = []
    for i in range(n):
        truth.sounds[i] = factors(score_of(split, seed, i))
        random = row_random(VERSION, split, seed, i, _CAPTIONS)
        truth.asserted[i], texts = write_captions(truth.sounds[i], (_SHORT, _LONG), phrase, random)
        captions.append(texts)
    return truth, tuple(captions)


_GROUPS: dict[str, tuple[str, ...]] = {
    "kind": KIND_NAMES,
    "family": FAMILIES,
    **{name: VALUES[FACTORS.index(name)] for name in FACTORS if name not in ("kind", "other kind")},
}


def _facts(truth: SoundTruth) -> Facts:
    """Tabulate which facts hold and which are mentioned; an instrument may play the melody or the drone."""

    def codes(group: str) -> tuple[np.ndarray, np.ndarray]:
        names = ("kind", "other kind") if group in ("kind", "family") else (group,)
        columns = [FACTORS.index(name) for name in names]
        held, told = truth.sounds[:, columns], truth.asserted[:, :, columns]
        # An instrument also implies its family.
        return (lifted(held, FAMILY_OF), lifted(told, FAMILY_OF)) if group == "family" else (held, told)

    return fact_table(_GROUPS, codes)
