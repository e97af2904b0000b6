"""The parts of a step cover it, and the training is as before when they have been timed."""

from __future__ import annotations

import pytest
import torch

from benchmarks import step_parts
from benchmarks.timing import OURS
from lib.sae.training import train

SIZES = {"d": 16, "width": 64, "k": 4, "batch": 32}


def test_parts_are_disjoint_and_cover_the_step() -> None:
    timings = step_parts.measure(SIZES, 4)
    whole = timings.pop(OURS)
    assert len(whole.seconds) == 4 and whole.ratios == [1.0] * 4
    assert set(timings) > {"encoder product", "selection", "Adam", step_parts.REST}
    for step in range(4):
        assert min(timing.seconds[step] for timing in timings.values()) > 0, "every part runs in every step"
        assert sum(timing.ratios[step] for timing in timings.values()) == pytest.approx(1)


def test_a_timed_step_is_an_ordinary_one() -> None:
    timed, plain, clip = step_parts.begin(SIZES), step_parts.begin(SIZES), train.clip_gradients
    with step_parts.stopwatch(timed) as seconds:
        timed.advance()
    assert seconds.keys() >= {"batch", "selection"} and train.clip_gradients is clip
    timed.advance()
    for _ in range(2):
        plain.advance()
    assert torch.equal(timed.sae.W_dec, plain.sae.W_dec)
