"""Intervals: known values, coverage, reproducibility."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.metrics.intervals import bootstrap, paired_difference, partial_spearman, spearman, wilson


def test_bootstrap_of_the_mean_is_near_the_normal_interval() -> None:
    values = np.random.default_rng(0).normal(2, 3, size=400)
    interval = bootstrap(values, np.random.default_rng(1))
    half = 1.96 * values.std() / 20
    assert interval.estimate == values.mean()
    assert interval.low == pytest.approx(values.mean() - half, abs=0.05)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.05)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20))
def test_bootstrap_laws(seed: int, n: int) -> None:
    values = np.random.default_rng(seed).normal(size=n)
    narrow, wide = (
        bootstrap(values, np.random.default_rng(seed), np.median, level=level, resamples=50) for level in (0.5, 0.9)
    )
    assert wide.low <= narrow.low <= narrow.high <= wide.high
    assert values.min() <= wide.low
    assert wide.high <= values.max()
    again = bootstrap(values, np.random.default_rng(seed), np.median, level=0.9, resamples=50)
    assert again == wide


def test_paired_difference_removes_what_the_units_share() -> None:
    rng = np.random.default_rng(2)
    unit = rng.normal(0, 100, size=200)
    interval = paired_difference(unit + 1, unit + rng.normal(0, 0.1, size=200), np.random.default_rng(3))
    assert 0.9 < interval.low < interval.estimate < interval.high < 1.1


def test_wilson_matches_published_values() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3: 81/263, 15/148, 0/20, 1/29.
    for successes, n, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)):
        interval = wilson(successes, n)
        assert interval.estimate == successes / n
        assert interval.low == pytest.approx(low, abs=5e-5)
        assert interval.high == pytest.approx(high, abs=5e-5)
    assert wilson(1, 29).high == pytest.approx(0.1718, abs=5e-5)


def test_spearman_is_one_under_monotone_maps_and_skips_nan() -> None:
    x = np.array([3.0, 1.0, np.nan, 2.0, 5.0])
    assert spearman(x, np.exp(x)) == pytest.approx(1)
    assert spearman(x, np.array([-3.0, -1.0, 0.0, np.nan, -9.0])) == pytest.approx(-1)


def test_partial_correlation_is_the_textbook_one() -> None:
    rng = np.random.default_rng(5)
    given = rng.standard_normal(40)
    first, second = given + rng.standard_normal(40), 2 * given + rng.standard_normal(40)
    ab, ac, bc = spearman(first, second), spearman(first, given), spearman(second, given)
    expected = (ab - ac * bc) / np.sqrt((1 - ac**2) * (1 - bc**2))
    assert partial_spearman(first, second, given) == pytest.approx(expected)
    assert abs(expected) < abs(ab) - 0.1
    with pytest.raises(CompanionError, match="the values to hold fixed are all the same"):
        partial_spearman(first, second, np.ones(40))


def test_errors_are_one_line() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(CompanionError, match=r"^values of shape \(0,\); give a non-empty list of finite numbers$"):
        bootstrap(np.zeros(0), rng)
    with pytest.raises(CompanionError, match="give a non-empty list of finite numbers"):
        bootstrap(np.array([1.0, np.nan]), rng)
    for values in (np.ones((2, 2)), np.array([1.0, np.inf])):
        with pytest.raises(CompanionError, match="give a non-empty list of finite numbers"):
            bootstrap(values, rng)
    for level in (95, 1, 0, -0.5):
        with pytest.raises(CompanionError, match=f"a confidence level of {level}; give one between 0 and 1"):
            bootstrap(np.ones(3), rng, level=level)
        with pytest.raises(CompanionError, match=f"a confidence level of {level}; give one between 0 and 1"):
            wilson(1, 2, level=level)
    assert bootstrap(np.ones(1), rng, resamples=1) == (1, 1, 1)
    with pytest.raises(CompanionError, match="0 bootstrap resamples"):
        bootstrap(np.ones(3), rng, resamples=0)
    with pytest.raises(CompanionError, match="3 and 2 values are not paired"):
        paired_difference(np.ones(3), np.ones(2), rng)
    for bad in (4, -1):
        with pytest.raises(CompanionError, match=f"{bad} successes in 3 trials"):
            wilson(bad, 3)
    assert wilson(1, 1).estimate == 1
    with pytest.raises(CompanionError, match="0 successes in 0 trials"):
        wilson(0, 0)
    with pytest.raises(CompanionError, match=r"shapes \(3,\) and \(2,\) are not paired"):
        spearman(np.ones(3), np.ones(2))
    with pytest.raises(CompanionError, match=r"shapes \(2, 2\) and \(2, 2\) are not paired"):
        spearman(np.eye(2), np.eye(2))
    for first, second in ((np.ones(3), np.arange(3.0)), (np.arange(3.0), np.ones(3))):
        with pytest.raises(CompanionError, match="3 pairs with no variation"):
            spearman(first, second)
    with pytest.raises(CompanionError, match="1 pairs with no variation"):
        spearman(np.array([1.0, np.nan]), np.array([1.0, 2.0]))
    assert spearman(np.array([0.0, 1.0]), np.array([1.0, 0.0])) == pytest.approx(-1)
