"""POPE and CHAIR by counting."""

from __future__ import annotations

import numpy as np
import pytest

from lib.data.errors import CompanionError
from lib.metrics.hallucination import chair, pope


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


def test_errors() -> None:
    for yes, truth in ((np.ones(2), np.array([True, True])), (np.ones(3), np.array([True, False]))):
        with pytest.raises(CompanionError, match="questions of both answers"):
            pope(yes, truth)
    with pytest.raises(CompanionError, match="outside 0 to 1"):
        pope(np.array([0.5, 1.5]), np.array([True, False]))
    with pytest.raises(CompanionError, match="1 captions and 2 truths"):
        chair([[]], [set(), set()])
