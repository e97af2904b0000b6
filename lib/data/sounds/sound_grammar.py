"""Captions that mention a chosen, recorded part of a sound, and the test whether a caption is true.

A caption is a row of ten codes, one for each factor of `FACTORS`: the value that it asserts, or SILENT. These codes
decide the truth; the words only express them, with synonyms and in a shuffled order.
"""

from __future__ import annotations

import numpy as np

from lib.data.procedural import SILENT, with_article
from lib.data.sounds.score import Score
from lib.data.sounds.sound_words import (
    BACKGROUNDS,
    ENVELOPES,
    KIND_NAMES,
    KINDS,
    LOUDNESSES,
    MOTIONS,
    PITCHES,
    ROOMS,
    SYNONYMS,
    TEMPOS,
    WAVERS,
)

FACTORS: tuple[str, ...] = (
    "kind",
    "pitch",
    "envelope",
    "loudness",
    "tempo",
    "motion",
    "waver",
    "other kind",
    "background",
    "room",
)
"""The factors that a caption can mention: seven of the melody, the drone's instrument, and two of the recording."""

_ADJECTIVES = (1, 2, 3)
_CLAUSES = (4, 5, 6, 8, 9)
_OTHER = 7

VALUES: tuple[tuple[str, ...], ...] = (
    KIND_NAMES,
    PITCHES,
    ENVELOPES,
    LOUDNESSES,
    TEMPOS,
    MOTIONS,
    WAVERS,
    KIND_NAMES,
    BACKGROUNDS,
    ROOMS,
)
"""The names of the values of each factor; a code is a number into them."""

_STARTS = ("", "", "the sound of ", "a recording of ")
_DRONES = ("over a drone of ", "together with ", "with a long tone of ")
_NO_NAME = ("instrument", "sound")
_PLURALS = ("chimes",)


def factors(score: Score) -> np.ndarray:
    """Return the code of every factor of a sound, int16 (10,); the instrument of a missing drone is SILENT."""
    names = ("other" if name == "other kind" else name for name in FACTORS)
    return np.array([getattr(score, name) for name in names], dtype=np.int16)


def phrase(asserted: np.ndarray, random: np.random.Generator) -> str:
    """Write a caption that says the asserted codes (10,) and nothing else."""

    def pick(words: tuple[str, ...]) -> str:
        return words[random.integers(len(words))]

    def word(factor: int) -> str:
        code = asserted[factor]
        return pick(KINDS[code].names if factor in (0, _OTHER) else SYNONYMS[VALUES[factor][code]])

    adjectives = [word(factor) for factor in _ADJECTIVES if asserted[factor] != SILENT]
    noun = word(0) if asserted[0] != SILENT else pick(_NO_NAME)
    words = [*(adjectives[i] for i in random.permutation(len(adjectives))), noun]
    main = with_article(" ".join(words), _PLURALS)
    clauses = [word(factor) for factor in _CLAUSES if asserted[factor] != SILENT]
    if asserted[_OTHER] != SILENT:
        clauses.append(pick(_DRONES) + with_article(word(_OTHER), _PLURALS))
    return pick(_STARTS) + " ".join([main, *(clauses[i] for i in random.permutation(len(clauses)))])


def instrument_prompts() -> tuple[str, ...]:
    """Write a text for each instrument, such as "the sound of a violin", for zero-shot classification."""
    return tuple(f"the sound of {with_article(name, _PLURALS)}" for name in KIND_NAMES)


def true_of(asserted: np.ndarray, sounds: np.ndarray) -> np.ndarray:
    """Return whether each caption is true of each sound, bool (captions, sounds).

    asserted: codes (captions, 10). sounds: codes (sounds, 10) from `factors`.
    """
    return ((asserted[:, None] == SILENT) | (asserted[:, None] == sounds[None])).all(axis=2)


def vocabulary() -> tuple[str, ...]:
    """List every word that captions may have, sorted."""
    names = [name for kind in KINDS for name in kind.names]
    texts = (*names, *(text for texts in SYNONYMS.values() for text in texts), *_STARTS, *_DRONES, *_NO_NAME, "a an")
    return tuple(sorted({word for text in texts for word in text.split()}))
