"""Measured effects with their 95 % intervals: over seeds, over items, or over both."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from lib.base.errors import CompanionError
from lib.metrics.intervals import bootstrap

LEVEL = 0.95
"""Confidence level of every interval."""


@dataclass(frozen=True)
class Effect:
    """A measured number, and how far another measurement could be from it.

    An effect that varies with the seed of a training has one value per seed; one that varies with the items it was
    measured on (pictures, queries, questions) has the half-widths of a bootstrap over them. An effect that depends on
    both has both: seeds share their test items, so the scatter over seeds alone would hide how few the items are.
    """

    values: tuple[float, ...]
    """One value per seed, or a single value if nothing is trained."""
    trained: bool = True
    """Whether the values scatter with the seed of a training."""
    below: float = 0.0
    """Distance from the mean to the lower end of the bootstrap interval over items."""
    above: float = 0.0
    """Distance from the mean to the upper end."""

    def __post_init__(self) -> None:
        if not self.values or np.isinf([*self.values, self.below, self.above]).any():
            raise CompanionError(f"effect {list(self.values)}; give finite numbers, and NaN for what has no value")

    @property
    def missing(self) -> list[int]:
        """Positions of the values that are NaN, because they could not be measured, as in a small world."""
        return np.flatnonzero(np.isnan(self.values)).tolist()

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return float(np.mean(self.values))

    @property
    def low(self) -> float | None:
        """The lower end of the interval; None for a single seed, whose scatter is unknown."""
        return None if self._unknown else self.mean - float(np.hypot(self._over_seeds, self.below))

    @property
    def high(self) -> float | None:
        """The upper end of the interval; None for a single seed."""
        return None if self._unknown else self.mean + float(np.hypot(self._over_seeds, self.above))

    @property
    def redraw(self) -> float:
        """Distance that the mean of another draw of seeds may have from this one: half the width of a prediction
        interval.

        It is t sqrt(2 / n) s for n seeds with the standard deviation s, and 0 if nothing is trained.
        """
        return float(np.sqrt(2)) * self._over_seeds

    @property
    def _unknown(self) -> bool:
        return self.trained and len(self.values) == 1

    @property
    def _over_seeds(self) -> float:
        """Return half the width of the t-interval of a mean of n values."""
        n = len(self.values)
        if not self.trained or n == 1:
            return 0.0
        return float(stats.t.ppf((1 + LEVEL) / 2, n - 1) * np.std(self.values, ddof=1) / np.sqrt(n))


def over_seeds(values: ArrayLike) -> Effect:
    """Make the effect of something that is trained. values: (seeds,).

    Examples
    --------
    >>> effect = over_seeds([0.2, 0.3, 0.4])
    >>> round(effect.mean, 3), round(effect.low, 3), round(effect.high, 3)
    (0.3, 0.052, 0.548)
    """
    return Effect(tuple(np.asarray(values, np.float64).ravel().tolist()))


def over_items(items: ArrayLike) -> Effect:
    """Make the effect of something that is not trained, the mean of independently drawn items (n,)."""
    return replace(nested(np.asarray(items, np.float64)[None]), trained=False)


def nested(items: ArrayLike) -> Effect:
    """Make the effect of something that is trained, measured on the same items with every seed. items: (seeds, n).

    The half-widths over items are those of the mean over seeds, by a percentile bootstrap over items.
    """
    matrix = np.asarray(items, np.float64)
    if matrix.ndim != 2 or matrix.size == 0:
        raise CompanionError(f"items of shape {matrix.shape}; give (seeds, items)")
    if np.isnan(matrix).any():
        return Effect(tuple(matrix.mean(axis=1).tolist()))
    found = bootstrap(matrix.mean(axis=0), np.random.default_rng(0), level=LEVEL)
    below, above = found.estimate - found.low, found.high - found.estimate
    return Effect(tuple(matrix.mean(axis=1).tolist()), below=below, above=above)


def exactly(value: float) -> Effect:
    """Make the effect of a number that depends on neither seeds nor items: its interval is the number itself."""
    return Effect((float(value),), trained=False)
