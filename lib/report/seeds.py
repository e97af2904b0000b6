"""Columns of result tables by seed, as arrays, and the contrasts that turn a curve into one number per seed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.base.errors import CompanionError


def seeds_of(table: pd.DataFrame) -> list[int]:
    """List the seeds of a table, in increasing order."""
    return sorted(int(seed) for seed in table.seed.unique())


def per_seed(table: pd.DataFrame, column: str, **where: object) -> np.ndarray:
    """Return the values of a column over seeds, for the rows that `where` picks (one per seed)."""
    return table.loc[(table[list(where)] == pd.Series(where)).all(axis=1)].sort_values("seed")[column].to_numpy()


def curve(table: pd.DataFrame, column: str, along: str, points: list[int], **where: object) -> np.ndarray:
    """Return a column along a swept setting, (seeds, points)."""
    return np.stack([per_seed(table, column, **{along: point}, **where) for point in points], axis=1)


def per_doubling(curves: np.ndarray, points: list[int]) -> np.ndarray:
    """Least-squares slope of each curve (seeds, points) against the base-2 logarithm of the points, (seeds,).

    NaN where a point of the curve has no value.
    """
    slopes, known = np.full(len(curves), np.nan), np.isfinite(curves).all(axis=1)
    if known.any():
        slopes[known] = np.polyfit(np.log2(points), curves[known].T, 1)[0]
    return slopes


def rise(curves: np.ndarray) -> np.ndarray:
    """Last point of each curve (seeds, points) minus the first, (seeds,): the contrast of a monotone claim."""
    return _points(curves, 2)[:, -1] - curves[:, 0]


def arch(curves: np.ndarray) -> np.ndarray:
    """Mean of the inner points of each curve minus the mean of its two ends, (seeds,): the contrast of a hump.

    The inner points are fixed beforehand, so the contrast has no bias; a curve's own peak is always above its ends by
    chance.
    """
    return _points(curves, 3)[:, 1:-1].mean(axis=1) - curves[:, [0, -1]].mean(axis=1)


def _points(curves: np.ndarray, least: int) -> np.ndarray:
    if curves.ndim != 2 or curves.shape[1] < least:
        raise CompanionError(f"curves of shape {curves.shape}; give (seeds, points) with at least {least} points")
    return curves
