"""The content of a sound, drawn from a seed before any sample is, so that the facts are exact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lib.data.sounds.sound_words import (
    BACKGROUNDS,
    ENVELOPES,
    KINDS,
    LOUDNESSES,
    MOTIONS,
    PITCHES,
    ROOMS,
    TEMPOS,
    WAVERS,
)

RATE = 16_000
"""Samples per second."""

LENGTH = 2 * RATE
"""The number of samples in every sound."""

NONE = -1
"""The code of the drone's instrument in a sound without a drone."""

_HERTZ = ((105, 145), (210, 290), (410, 560))  # lowest and highest first note, for each of PITCHES
_NOTES = ((3, 3), (5, 6), (9, 11))  # fewest and most notes, for each of TEMPOS
_LEVELS = ((700, 1000), (2400, 3400), (7500, 10000))  # root mean square of a steady note, for each of LOUDNESSES


@dataclass(frozen=True)
class Score:
    """The content of a sound. Its attributes are codes, numbers into the tuples of `sound_words`, up to `room`."""

    kind: int
    pitch: int
    tempo: int
    motion: int
    envelope: int
    waver: int
    loudness: int
    other: int
    """The instrument of the drone, or NONE."""
    background: int
    room: int
    hertz: int
    """The first note of the main instrument, in thousandths of a hertz."""
    notes: int
    """The number of notes."""
    level: int
    """The root mean square of a steady note of the main instrument, where 32767 is the largest sample."""
    drone: int
    """The note of the drone, in thousandths of a hertz."""
    rate: int
    """The rate of vibrato or tremolo, in thousandths of a hertz."""


def held_out(kind: int, envelope: int) -> bool:
    """Return whether an instrument and an envelope never occur together in training and dev sounds (one in eight)."""
    return (kind + 5 * envelope) % 8 == 0


def draw_score(random: np.random.Generator, *, novel: bool | None = False) -> Score:
    """Draw a sound.

    novel: False keeps to combinations of instrument and envelope that are not held out, True draws one that is, and
    None draws from all.
    """
    numbers = iter(random.integers(0, 1 << 31, size=32).tolist())

    def within(ends: tuple[int, int]) -> int:
        return ends[0] + next(numbers) % (ends[1] - ends[0] + 1)

    kind, envelope = _combination(numbers, novel)
    pitch, tempo, loudness = (next(numbers) % len(values) for values in (PITCHES, TEMPOS, LOUDNESSES))
    other = next(numbers) % (2 * len(KINDS))
    lowest, highest = _HERTZ[pitch]
    return Score(
        kind=kind,
        pitch=pitch,
        tempo=tempo,
        motion=next(numbers) % len(MOTIONS),
        envelope=envelope,
        waver=next(numbers) % len(WAVERS),
        loudness=loudness,
        other=other if other < len(KINDS) and other != kind else NONE,
        background=next(numbers) % len(BACKGROUNDS),
        room=next(numbers) % len(ROOMS),
        hertz=within((1000 * lowest, 1000 * highest)),
        notes=within(_NOTES[tempo]),
        level=within(_LEVELS[loudness]),
        drone=within((150_000, 420_000)),
        rate=within((5_000, 7_000)),
    )


def _combination(numbers: Iterator[int], novel: bool | None) -> tuple[int, int]:
    pairs = [
        (kind, envelope)
        for kind in range(len(KINDS))
        for envelope in range(len(ENVELOPES))
        if novel is None or held_out(kind, envelope) == novel
    ]
    return pairs[next(numbers) % len(pairs)]
