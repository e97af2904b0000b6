"""How sure a number is: bootstrap and Wilson intervals; rank correlation."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import stats

from lib.base.errors import CompanionError


class Interval(NamedTuple):
    """A point estimate and its confidence interval, from low to high."""

    estimate: float
    low: float
    high: float


def bootstrap(
    values: np.ndarray,
    rng: np.random.Generator,
    statistic: Callable[[np.ndarray], float] = np.mean,
    *,
    level: float = 0.95,
    resamples: int = 2000,
) -> Interval:
    """Percentile bootstrap (Efron, 1979) of a statistic of n values (n,), one per independently drawn unit."""
    values = _numbers("values", values)
    return bootstrap_units(len(values), rng, lambda rows: statistic(values[rows]), level=level, resamples=resamples)


def bootstrap_units(
    n: int,
    rng: np.random.Generator,
    statistic: Callable[[np.ndarray], float],
    *,
    level: float = 0.95,
    resamples: int = 2000,
) -> Interval:
    """Bootstrap a statistic of several values per unit; it gets the numbers of the drawn units, (n,)."""
    _check_level(level)
    if resamples < 1:
        raise CompanionError(f"{resamples} bootstrap resamples; give at least 1")
    drawn = [statistic(rng.integers(n, size=n)) for _ in range(resamples)]
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(statistic(np.arange(n))), float(low), float(high))


def paired_difference(
    first: np.ndarray, second: np.ndarray, rng: np.random.Generator, *, level: float = 0.95, resamples: int = 2000
) -> Interval:
    """Bootstrap interval of mean(first - second) over n units measured under both conditions, (n,) each."""
    first, second = _numbers("first values", first), _numbers("second values", second)
    if len(first) != len(second):
        raise CompanionError(f"{len(first)} and {len(second)} values are not paired; give both of every unit")
    return bootstrap(first - second, rng, level=level, resamples=resamples)


def wilson(successes: int, n: int, *, level: float = 0.95) -> Interval:
    """Wilson score interval (Wilson, 1927) of the proportion of successes in n trials.

    Examples
    --------
    >>> sure = wilson(9, 10)
    >>> sure.estimate, round(sure.low, 3), round(sure.high, 3)
    (0.9, 0.596, 0.982)
    """
    _check_level(level)
    if n < 1 or not 0 <= successes <= n:
        raise CompanionError(f"{successes} successes in {n} trials; give 0 to n successes in at least 1 trial")
    interval = stats.binomtest(int(successes), int(n)).proportion_ci(level, method="wilson")
    return Interval(successes / n, float(interval.low), float(interval.high))


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's rank correlation of paired values (n,); pairs with a NaN, such as a dead latent's, are left out."""
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise CompanionError(f"values of shapes {first.shape} and {second.shape} are not paired; give two equal lists")
    kept = ~(np.isnan(first) | np.isnan(second))
    first, second = first[kept], second[kept]
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        raise CompanionError(f"{len(first)} pairs with no variation have no rank correlation; give values that differ")
    return float(stats.spearmanr(first, second).statistic)


def _numbers(name: str, values: np.ndarray) -> np.ndarray:
    array = np.asarray(values, np.float64)
    if array.ndim != 1 or len(array) == 0 or not np.isfinite(array).all():
        raise CompanionError(f"{name} of shape {array.shape}; give a non-empty list of finite numbers")
    return array


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise CompanionError(f"a confidence level of {level}; give one between 0 and 1, such as 0.95")


def partial_spearman(first: np.ndarray, second: np.ndarray, given: np.ndarray) -> float:
    """Spearman's partial correlation of paired values (n,), with the ranks of `given` (n,) held fixed."""
    ranks = [stats.rankdata(np.asarray(values, np.float64)) for values in (first, second, given)]
    a, b, c = (one - one.mean() for one in ranks)
    if not c.any():
        raise CompanionError("the values to hold fixed are all the same; use spearman")
    a, b = (one - c * (one @ c) / (c @ c) for one in (a, b))
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))
