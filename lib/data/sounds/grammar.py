"""Captions that say a chosen, recorded part of what is in a sound, and the test whether a caption is true.

As in the scenes world, a caption is a row of codes, one for each factor of `FACTORS`: the value it asserts, or -1
where it is silent. That row decides the truth; the words only dress it up.
"""

from __future__ import annotations

import numpy as np

from lib.data.sounds.score import Score
from lib.data.sounds.vocabulary import (
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
"""What a caption can tell: seven attributes of the main instrument, the drone's instrument, two of the recording."""

SILENT = -1
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
_STARTS = ("", "", "the sound of ", "a recording of ")
_DRONES = ("over a drone of ", "together with ", "with a long tone of ")
_NO_NAME = ("instrument", "sound")


def factors(score: Score) -> np.ndarray:
    """int16 (10,): the value of every factor of a sound; SILENT for a second instrument that is not there."""
    names = ("other" if name == "other kind" else name for name in FACTORS)
    return np.array([getattr(score, name) for name in names], dtype=np.int16)


def choose(values: np.ndarray, told: int, random: np.random.Generator) -> np.ndarray:
    """Which factors a caption tells: `told` of those the sound has (at most all), the instrument among them four
    times out of five. Returns the asserted codes, int16 (10,)."""
    chosen = random.permutation(np.flatnonzero(values != SILENT))[:told]
    if told and 0 not in chosen and random.integers(5) > 0:
        chosen[0] = 0
    asserted = np.full(len(FACTORS), SILENT, dtype=np.int16)
    asserted[chosen] = values[chosen]
    return asserted


def phrase(asserted: np.ndarray, random: np.random.Generator) -> str:
    """A caption that says the asserted codes and nothing else."""

    def pick(words: tuple[str, ...]) -> str:
        return words[random.integers(len(words))]

    def word(factor: int) -> str:
        code = asserted[factor]
        return pick(KINDS[code].names if factor in (0, _OTHER) else SYNONYMS[VALUES[factor][code]])

    adjectives = [word(factor) for factor in _ADJECTIVES if asserted[factor] != SILENT]
    noun = word(0) if asserted[0] != SILENT else pick(_NO_NAME)
    main = article(" ".join([*(adjectives[i] for i in random.permutation(len(adjectives))), noun]))
    clauses = [word(factor) for factor in _CLAUSES if asserted[factor] != SILENT]
    if asserted[_OTHER] != SILENT:
        clauses.append(pick(_DRONES) + article(word(_OTHER)))
    return pick(_STARTS) + " ".join([main, *(clauses[i] for i in random.permutation(len(clauses)))])


def article(words: str) -> str:
    """The words with "a" or "an" before them; plural ones without."""
    if words.endswith("chimes"):
        return words
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def instrument_prompts() -> tuple[str, ...]:
    """One text for each instrument, "the sound of a violin" and so on, for zero-shot classification."""
    return tuple(f"the sound of {article(name)}" for name in KIND_NAMES)


def true_of(asserted: np.ndarray, sounds: np.ndarray) -> np.ndarray:
    """Whether each caption is true of each sound: bool (captions, sounds).

    asserted: (captions, 10) codes; sounds: (sounds, 10) from `factors`. A caption speaks of the main instrument.
    """
    return ((asserted[:, None] == SILENT) | (asserted[:, None] == sounds[None])).all(axis=2)


def vocabulary() -> tuple[str, ...]:
    """Every word that captions can hold, sorted."""
    names = [name for kind in KINDS for name in kind.names]
    texts = (*names, *(text for texts in SYNONYMS.values() for text in texts), *_STARTS, *_DRONES, *_NO_NAME, "a an")
    return tuple(sorted({word for text in texts for word in text.split()}))
