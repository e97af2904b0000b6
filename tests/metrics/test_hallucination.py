"""POPE and CHAIR by counting."""

from __future__ import annotations

import numpy as np
import pytest

from lib.base.errors import CompanionError
from lib.metrics.hallucination import ChairScores, chair, pope


def test_pope_of_plain_answers() -> None:
    truth = np.array([True, True, True, False, False, False])
    said = np.array([1, 1, 0, 1, 0, 0])
    found = pope(said, truth)
    assert (found.accuracy, found.precision, found.recall, found.yes) == pytest.approx((4 / 6, 2 / 3, 2 / 3, 0.5))
    assert found.f1 == pytest.approx(2 / 3)
    interval = found.interval(np.random.default_rng(0))
    assert interval.low <= found.accuracy <= interval.high


def test_chances_are_the_mean_of_many_draws() -> None:
    rng = np.random.default_rng(0)
    truth, chances = rng.random(200) < 0.5, rng.random(200)
    drawn = [pope((rng.random(200) < chances).astype(float), truth).accuracy for _ in range(400)]
    assert pope(chances, truth).accuracy == pytest.approx(np.mean(drawn), abs=0.01)


def test_nobody_says_yes() -> None:
    found = pope(np.zeros(4), np.array([True, False, False, False]))
    assert np.isnan(found.precision) and found.f1 == 0 and found.accuracy == 0.75


def test_chair_by_hand() -> None:
    found = chair([["cat", "dog", "dog"], [], ["cup"]], [{"cat"}, {"cat", "cup"}, {"cup"}])
    assert found.captions == pytest.approx(1 / 3)
    assert found.objects == pytest.approx(2 / 4)
    assert found.recall == pytest.approx(2 / 4)
    interval = found.interval(np.random.default_rng(0), 200)
    assert 0 <= interval.low <= interval.estimate <= interval.high <= 1
    assert np.isnan(chair([[]], [{"cat"}]).objects)


def test_the_interval_of_chair_is_that_of_a_ratio_of_means() -> None:
    rng = np.random.default_rng(1)
    said = rng.integers(1, 5, 400)
    wrong = rng.binomial(said, 0.3)
    captions = [[*["no"] * int(bad), *["yes"] * int(n - bad)] for n, bad in zip(said, wrong, strict=True)]
    found = chair(captions, [{"yes"}] * 400)
    interval = found.interval(np.random.default_rng(0))
    share = wrong.sum() / said.sum()
    error = np.sqrt(((wrong - share * said) ** 2).sum()) / said.sum()  # linearised
    assert found.objects == interval.estimate == share
    assert interval.low == pytest.approx(share - 1.96 * error, abs=0.15 * error)
    assert interval.high == pytest.approx(share + 1.96 * error, abs=0.15 * error)


def test_the_interval_of_chair_by_the_obvious_loop() -> None:
    rng = np.random.default_rng(2)
    said = rng.integers(0, 4, 30)
    wrong = rng.binomial(said, 0.4)
    found = ChairScores(wrong, said, said - wrong, np.ones(30, int))
    again, drawn = np.random.default_rng(0), []
    for _ in range(100):
        rows = again.integers(30, size=30)
        drawn.append(wrong[rows].sum() / max(1, said[rows].sum()))
    interval = found.interval(np.random.default_rng(0), 100)
    assert interval == (
        wrong.sum() / said.sum(),
        *(pytest.approx(np.quantile(drawn, q), rel=1e-12) for q in (0.025, 0.975)),
    )
    silent = ChairScores(np.zeros(3, int), np.zeros(3, int), np.zeros(3, int), np.ones(3, int))
    assert np.isnan(silent.interval(np.random.default_rng(0), 5).estimate)


def test_errors() -> None:
    yes_no, both = np.array([True, False]), np.ones(2)
    for yes, truth in (
        (both, yes_no | True),
        (both, yes_no & False),
        (np.ones(3), yes_no),
        (both, yes_no.astype(int)),
        (np.ones((2, 1)), yes_no[:, None]),
    ):
        with pytest.raises(CompanionError, match="questions of both answers"):
            pope(yes, truth)
    for chance in (1.5, -0.5, np.nan):
        with pytest.raises(CompanionError, match="outside 0 to 1"):
            pope(np.array([0.5, chance]), yes_no)
    for said, there in (([[]], [{1}, {1}]), ([], []), ([[1], [1]], [set(), set()])):
        with pytest.raises(CompanionError, match=f"{len(said)} captions and {len(there)} truths"):
            chair(said, there)
