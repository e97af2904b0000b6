"""The synthesiser of sounds, in integers only, so that samples have the same bytes on every machine.

Floating point is used in two tables only, which are rounded to integers. No entry is so near to a half that the last
bit of a sine or a power would matter (a test shows by how much).
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from lib.data.sounds.score import LENGTH, NONE, RATE, Score
from lib.data.sounds.sound_words import BACKGROUNDS, ENVELOPES, KINDS, MOTIONS, ROOMS, WAVERS

STEPS = 4096
"""The number of entries in the table of one sine wave."""

PEAK = 32767
"""The largest sample."""

ONE = 1 << 16
"""The unit of the fixed-point envelopes."""

_CYCLE = 1 << 32
"""The unit of the phases, which is one period."""

_OCTAVE = 256
"""The number of steps in the table of powers of two between two neighbours."""

_SEMITONES = (65536, 69433, 73562, 77936, 82570, 87480, 92682, 98193, 104032, 110218, 116772, 123715)
"""The frequency ratios 2^(k/12) of the semitones, in units of 1/65536."""

_TIME = np.arange(LENGTH, dtype=np.int64)


@cache
def sine_table() -> np.ndarray:
    """Tabulate PEAK times the sine over one period, int64 (STEPS,)."""
    return np.array([round(PEAK * math.sin(2 * math.pi * i / STEPS)) for i in range(STEPS)])


@cache
def _halves() -> np.ndarray:
    """Tabulate ONE times 2^(-i / 256), int64 (256,)."""
    return np.array([round(ONE * 2 ** (-i / _OCTAVE)) for i in range(_OCTAVE)])


def _sine(phase: np.ndarray) -> np.ndarray:
    return sine_table()[(phase >> 20) & (STEPS - 1)]


def _fade(time: np.ndarray, half_life: int) -> np.ndarray:
    """Return an exponential decay: ONE at time 0, and half as much after every `half_life` samples."""
    steps = time * _OCTAVE // half_life
    return _halves()[steps % _OCTAVE] >> (steps // _OCTAVE).clip(max=31)


@cache
def _wave(weights: tuple[int, ...]) -> np.ndarray:
    """Tabulate one period of a sum of harmonics with the root mean square of the plain sine, int64 (STEPS,)."""
    places = np.arange(STEPS)
    total = np.sum([w * sine_table()[h * places % STEPS] for h, w in enumerate(weights, start=1)], axis=0)
    return 8 * total // math.isqrt(64 * sum(w * w for w in weights))


class _Notes(NamedTuple):
    """The notes of a melody, sample by sample."""

    time: np.ndarray
    """The samples since the note of each sample began, int64 (LENGTH,)."""
    step: np.ndarray
    """The phase from each sample to the next, int64 (LENGTH,)."""
    length: int
    """The samples of a note."""


def _notes(hertz: int, count: int, motion: str) -> _Notes:
    length = -(-LENGTH // count)
    number = np.arange(count)
    up = {"level": 0 * number, "rising": number, "falling": -number, "zigzag": number % 2}[motion]
    semitones = up * (12 // count if motion in ("rising", "falling") else 5)
    octaves = semitones // 12
    tuned = np.array(_SEMITONES)[semitones % 12] * hertz
    tuned = np.where(octaves < 0, tuned >> -octaves.clip(max=0), tuned << octaves.clip(min=0))
    step = tuned * (_CYCLE // ONE) // (1000 * RATE)
    return _Notes(np.tile(np.arange(length), count)[:LENGTH], np.repeat(step, length)[:LENGTH], length)


def _tone(kind: int, notes: _Notes, noise: np.ndarray) -> np.ndarray:
    """Play notes at an even loudness, int64 (LENGTH,), with a root mean square of about PEAK / sqrt(2)."""
    recipe = KINDS[kind]
    phase = np.cumsum(notes.step)
    settling = _fade(notes.time, recipe.settle * RATE // 1000)
    if recipe.ratio:
        bend = _sine(np.cumsum(notes.step * recipe.ratio >> 4)) * (recipe.depth * _CYCLE // (100 * PEAK))
        phase = phase + ((bend * settling) >> 16)
    place = (phase >> 20) & (STEPS - 1)
    tone = _wave(recipe.later)[place]
    if recipe.onset != recipe.later:
        tone = (_wave(recipe.onset)[place] * settling + tone * (ONE - settling)) >> 16
    return tone + noise * recipe.breath // 100


def _envelope(name: str, notes: _Notes) -> np.ndarray:
    """Return the loudness of each sample of the notes, int64 (LENGTH,), from 0 to ONE."""
    time, length = notes.time, notes.length
    sounding = length * 9 // 20 if name == "clipped" else length
    attack = length * 17 // 20 if name == "swelling" else RATE // 100
    shape = np.minimum(time * ONE // attack, (sounding - time).clip(min=0) * ONE // (RATE // 50)).clip(max=ONE)
    return shape * _fade(time, min(RATE // 8, length // 4)) >> 16 if name == "plucked" else shape


def _backdrop(name: str, noise: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Make the background noise, int64 (LENGTH,), of about PEAK."""
    if name == "hiss":
        return noise // 4
    if name == "rumble":
        sums = np.cumsum(np.concatenate([noise[-160:], noise]))
        return (sums[160:] - sums[:-160]) // 24
    clicks = np.zeros(LENGTH, dtype=np.int64)
    if name == "crackle":
        shape = noise[:48] * _fade(np.arange(48), 10) >> 15
        for place in random.integers(0, LENGTH - 48, size=24).tolist():
            clicks[place : place + 48] += shape
    return clicks


def play(score: Score, random: np.random.Generator) -> np.ndarray:
    """Synthesise a score, int16 (LENGTH,) at RATE; `random` decides only the noise and the places of clicks."""
    noise = np.frombuffer(random.bytes(4 * LENGTH), dtype="<i2").astype(np.int64).reshape(2, LENGTH)
    notes = _notes(score.hertz, score.notes, MOTIONS[score.motion])
    waver = _sine(_TIME * (score.rate * (_CYCLE // 1000) // RATE))
    if WAVERS[score.waver] == "vibrato":
        notes = notes._replace(step=notes.step + notes.step * waver // (25 * PEAK))
    loud = _envelope(ENVELOPES[score.envelope], notes)
    if WAVERS[score.waver] == "tremolo":
        loud = loud * (3 * PEAK + 2 * waver) // (5 * PEAK)
    sound = _tone(score.kind, notes, noise[0]) * loud >> 16
    if ROOMS[score.room] == "echo":
        for delay, share in ((RATE // 5, 50), (2 * RATE // 5, 25)):
            sound[delay:] = sound[delay:] + sound[:-delay] * share // 100  # the second one repeats the first as well
    if score.other != NONE:
        drone = _notes(score.drone, 1, "level")
        sound = sound + _tone(score.other, drone, noise[0]) * _envelope("held", drone) * 2 // (5 * ONE)
    sound = sound + _backdrop(BACKGROUNDS[score.background], noise[1], random)
    return (sound * score.level * 7 // (5 * PEAK) + noise[1] % 3 - 1).clip(-PEAK, PEAK).astype(np.int16)
