"""How sure a number is: bootstrap and Wilson intervals, spread over seeds, rank correlation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from lib.data.errors import CompanionError


class Interval(NamedTuple):
    """A point estimate and its confidence interval."""

    estimate: float
    low: float
    high: float


class Spread(NamedTuple):
    """Values over seeds; sd is the sample standard deviation (n - 1), 0 for a single value."""

    mean: float
    sd: float
    min: float
    max: float


def bootstrap(
    values: np.ndarray,
    rng: np.random.Generator,
    statistic: Callable[[np.ndarray], float] = np.mean,
    *,
    level: float = 0.95,
    resamples: int = 2000,
) -> Interval:
    """Percentile bootstrap of a statistic of n values (n,), the units that were drawn independently (Efron, 1979)."""
    values = _numbers("values", values)
    _check_level(level)
    if resamples < 1:
        raise CompanionError(f"{resamples} bootstrap resamples; give at least 1")
    n = len(values)
    drawn = [statistic(values[rng.integers(n, size=n)]) for _ in range(resamples)]
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(statistic(values)), float(low), float(high))


def paired_difference(
    first: np.ndarray, second: np.ndarray, rng: np.random.Generator, *, level: float = 0.95, resamples: int = 2000
) -> Interval:
    """Bootstrap of mean(first - second) over units measured under both conditions, (n,) each."""
    first, second = _numbers("first values", first), _numbers("second values", second)
    if len(first) != len(second):
        raise CompanionError(f"{len(first)} and {len(second)} values are not paired; give both of every unit")
    return bootstrap(first - second, rng, level=level, resamples=resamples)


def wilson(successes: int, n: int, *, level: float = 0.95) -> Interval:
    """Wilson score interval of a proportion (Wilson, 1927)."""
    _check_level(level)
    if n < 1 or not 0 <= successes <= n:
        raise CompanionError(f"{successes} successes in {n} trials; give 0 to n successes in at least 1 trial")
    interval = stats.binomtest(int(successes), int(n)).proportion_ci(level, method="wilson")
    return Interval(successes / n, float(interval.low), float(interval.high))


def spread(values: Sequence[float] | np.ndarray) -> Spread:
    """Mean, standard deviation, minimum and maximum of values over seeds."""
    array = _numbers("values", values)
    sd = float(array.std(ddof=1)) if len(array) > 1 else 0.0
    return Spread(float(array.mean()), sd, float(array.min()), float(array.max()))


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's rank correlation of paired values; pairs with a NaN (a latent dead under either) are left out."""
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise CompanionError(f"values of shapes {first.shape} and {second.shape} are not paired; give two equal lists")
    kept = ~(np.isnan(first) | np.isnan(second))
    first, second = first[kept], second[kept]
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        raise CompanionError(f"{len(first)} pairs with no variation have no rank correlation; give values that differ")
    return float(stats.spearmanr(first, second).statistic)


def _numbers(name: str, values: Sequence[float] | np.ndarray) -> np.ndarray:
    array = np.asarray(values, np.float64)
    if array.ndim != 1 or len(array) == 0 or not np.isfinite(array).all():
        raise CompanionError(f"{name} of shape {array.shape}; give a non-empty list of finite numbers")
    return array


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise CompanionError(f"a confidence level of {level}; give one between 0 and 1, such as 0.95")
