"""The sounds world: same bytes everywhere, captions that say what is recorded, samples that hold what the facts say."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.data.procedural import SILENT, SPLITS, choose
from lib.data.sounds import sound_of, sounds, truth_of
from lib.data.sounds.score import LENGTH, NONE, RATE, Score, held_out
from lib.data.sounds.sound_grammar import FACTORS, VALUES, factors, phrase, true_of, vocabulary
from lib.data.sounds.sound_pairs import score_of
from lib.data.sounds.sound_words import ENVELOPES, FAMILIES, FAMILY_OF, KIND_NAMES, KINDS, SYNONYMS
from lib.data.sounds.synthesis import ONE, PEAK, STEPS, play

SAMPLES_SHA256 = "084c096bd09f1a351d2300c524fd4c37e9cb200d7d13c9b3cc6e432fcf5d35ff"
CAPTIONS_SHA256 = "44b65ec45dcbaf093a789d7258a39c89ca7208e6c46f68b7f8c81c1971ea5216"


def test_the_same_seed_makes_the_same_bytes_on_any_machine() -> None:
    samples = hashlib.sha256(
        b"".join(sound_of(s, 0, i).samples.astype("<i2").tobytes() for s in SPLITS for i in range(20))
    )
    captions = hashlib.sha256("\n".join(c for s in SPLITS for p in sounds(s, 100).captions for c in p).encode())
    assert (samples.hexdigest(), captions.hexdigest()) == (SAMPLES_SHA256, CAPTIONS_SHA256)


def test_the_tables_would_round_the_same_with_another_last_bit() -> None:
    sines = [PEAK * math.sin(2 * math.pi * i / STEPS) for i in range(STEPS)]
    halves = [ONE * 2 ** (-i / 256) for i in range(256)]
    assert min(abs(value % 1 - 0.5) for value in [*sines, *halves]) > 1e-5


def test_the_world_is_as_rich_as_promised() -> None:
    assert len(KIND_NAMES) == len(set(KIND_NAMES)) == 16
    assert len(FAMILIES) == 4 and [FAMILY_OF.count(f) for f in range(4)] == [4] * 4
    assert len(FACTORS) == len(VALUES) == 10
    names = [name for kind in KINDS for name in kind.names]
    words = [text for texts in SYNONYMS.values() for text in texts]
    assert len(set(names + words)) == len(names + words), "one name means one thing"


@pytest.mark.parametrize("split", SPLITS)
def test_longer_splits_begin_with_the_shorter_ones(split: str) -> None:
    short, long = sounds(split, 3), sounds(split, 6)
    assert short.captions == long.captions[:3] == long.first(3).captions
    assert (short.ids == long.ids[:3]).all() and (short.facts.truth == long.facts.truth[:3]).all()
    assert len(long.first(3).sounds) == len(long.sounds[1:4]) == 3
    for i in range(3):
        assert np.array_equal(short.sounds[i].samples, long.first(3).sounds[i].samples)
    assert np.array_equal(long.sounds[1:4][1].samples, long.sounds[2].samples)


def test_splits_and_seeds_share_no_sound() -> None:
    drawn = [score_of(split, seed, i) for split in SPLITS for seed in (0, 1) for i in range(50)]
    assert len(set(drawn)) == len(drawn)


def test_held_out_combinations_stay_out_of_training() -> None:
    for split, allowed in (("train", {False}), ("dev", {False}), ("novel", {True}), ("test", {False, True})):
        assert {held_out(s.kind, s.envelope) for s in (score_of(split, 0, i) for i in range(300))} == allowed
    combinations = [held_out(kind, envelope) for kind in range(16) for envelope in range(4)]
    assert sum(combinations) == 8
    assert {s.kind for s in (score_of("train", 0, i) for i in range(300))} == set(range(16))


def _plain(**changed: int) -> Score:
    """A loud, clean, dry, steady organ on one long note, with something changed."""
    organ = KIND_NAMES.index("organ")
    plain = Score(organ, 1, 0, 0, 1, 0, 2, NONE, 0, 0, 261_000, 3, 9000, 200_000, 6000)
    return replace(plain, **changed)


def _played(**changed: int) -> np.ndarray:
    return play(_plain(**changed), np.random.default_rng(0)).astype(np.float64)


def _peaks(samples: np.ndarray, count: int) -> list[int]:
    """The strongest frequencies in whole hertz, those next to a stronger one left out."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    found: list[int] = []
    for place in np.argsort(power)[::-1]:
        hertz = round(place * RATE / len(samples))
        if all(abs(hertz - other) > 20 for other in found):
            found.append(int(hertz))
        if len(found) == count:
            break
    return sorted(found)


def test_pitch_harmonics_and_the_drone_are_heard() -> None:
    assert _peaks(_played(), 4) == [261, 522, 1044, 2088]
    theremin = KIND_NAMES.index("theremin")
    assert _peaks(_played(kind=theremin, other=theremin), 2) == [200, 261]
    vibrato, level = _played(kind=theremin, waver=1), _played(kind=theremin)
    assert np.ptp(_peaks(vibrato, 3)) > 1 and _peaks(level, 1) == [261]


def _loudness(samples: np.ndarray) -> np.ndarray:
    """Root mean square of every tenth of a second."""
    return np.sqrt((samples.reshape(20, -1) ** 2).mean(axis=1))


def test_envelopes_loudness_tempo_and_motion_are_heard() -> None:
    whole = {name: _loudness(_played(envelope=i, notes=1)) for i, name in enumerate(ENVELOPES)}
    assert whole["plucked"][1] > 10 * whole["plucked"][10]
    assert abs(whole["held"][1:19] / 9000 - 1).max() < 0.1
    assert (np.diff(whole["swelling"][:16]) > 0).all()
    assert whole["clipped"][12:].max() < 0.01 * whole["clipped"][5]
    assert _loudness(_played(level=900))[5] * 8 < _loudness(_played())[5]
    gaps = _loudness(_played(envelope=3, notes=5))
    assert ((gaps[1:] > 1000) & (gaps[:-1] < 1000)).sum() + (gaps[0] > 1000) == 5
    theremin = KIND_NAMES.index("theremin")
    for motion, sign in ((1, 1), (2, -1)):
        rising = _played(kind=theremin, motion=motion)
        notes = [_peaks(rising[start : start + 10_000], 1)[0] for start in (0, 10_700, 21_400)]
        assert (np.diff(notes) * sign > 20).all()


def test_echo_and_backgrounds_are_heard() -> None:
    echo, dry = _played(room=1, envelope=3, notes=1), _played(envelope=3, notes=1)
    assert np.sqrt((echo[16_000:20_000] ** 2).mean()) > 100 * np.sqrt((dry[16_000:20_000] ** 2).mean())
    clipped = {name: _played(envelope=3, notes=1, background=i)[16_000:] for i, name in enumerate(VALUES[8])}
    loud = {name: np.sqrt((samples**2).mean()) for name, samples in clipped.items()}
    assert all(loud[name] > 50 * loud["clean"] for name in ("hiss", "rumble", "crackle"))
    low = {name: np.abs(np.diff(samples)).mean() / np.abs(samples).mean() for name, samples in clipped.items()}
    assert low["rumble"] < 0.3 * low["hiss"]
    quiet = (np.abs(clipped["crackle"]) < 50).mean()
    assert quiet > 0.8, "crackle is silence with clicks"


def test_hardly_any_sample_is_cut_off() -> None:
    cut = [np.mean(np.abs(sound_of("test", 0, i).samples) == PEAK) for i in range(60)]
    assert max(cut) < 0.01 and sound_of("test", 0, 0).samples.shape == (LENGTH,)


@given(index=st.integers(0, 10_000), told=st.integers(0, 10), seed=st.integers(0, 99))
def test_a_caption_says_what_is_recorded_and_nothing_else(index: int, told: int, seed: int) -> None:
    values = factors(score_of("train", 0, index))
    random = np.random.default_rng(seed)
    asserted = choose(values, told, random)
    said = asserted != SILENT
    assert said.sum() == min(told, (values != SILENT).sum())
    assert (asserted[said] == values[said]).all()
    text = f" {phrase(asserted, random)} "
    assert set(text.split()) <= set(vocabulary())
    for factor in (1, 2, 3, 4, 5, 6, 8, 9):
        words = {value: SYNONYMS[name] for value, name in enumerate(VALUES[factor])}
        found = {value for value, names in words.items() if any(f" {name} " in text for name in names)}
        assert found >= {asserted[factor]} - {SILENT}
    assert true_of(asserted[None], values[None]).all()


def test_truth_agrees_with_the_obvious_loop() -> None:
    truth = truth_of("test", 50)
    for which in (0, 1):
        fast = true_of(truth.asserted[:, which], truth.sounds)
        slow = [
            [all(a in (SILENT, s) for a, s in zip(said, sound, strict=True)) for sound in truth.sounds]
            for said in truth.asserted[:, which]
        ]
        assert (fast == np.array(slow)).all() and fast.diagonal().all()


def test_facts_hold_for_both_instruments_and_mentions_are_true() -> None:
    pairs, truth = sounds("test", 150), truth_of("test", 150)
    facts = pairs.facts
    assert facts.truth.shape == (150, len(facts.names)) and facts.mentioned.shape == (150, 2, len(facts.names))
    assert not (facts.mentioned & ~facts.truth[:, None]).any()
    kinds, families = facts.group("kind"), facts.group("family")
    for row in range(30):
        heard = {int(truth.sounds[row, column]) for column in (0, 7)} - {SILENT}
        assert set(np.flatnonzero(facts.truth[row, kinds])) == heard
        assert set(np.flatnonzero(facts.truth[row, families])) == {FAMILY_OF[kind] for kind in heard}


def test_bad_requests_get_one_line() -> None:
    with pytest.raises(CompanionError, match="sounds have no split 'val'; known: train, dev, test, novel"):
        sounds("val", 3)
    with pytest.raises(CompanionError, match="ask for at least one"):
        sounds("test", 0)
    with pytest.raises(CompanionError, match="sounds can be sliced without a step only"):
        _ = sounds("test", 4).sounds[::2]
