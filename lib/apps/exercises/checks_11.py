"""Checks of the exercises of notebook 11, levels and the taxonomy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lib.metrics.hierarchy import common_depth


def mean_depth(answer: Callable[..., float]) -> str | None:
    """Asks for one number, the mean depth over all pairs."""
    if not np.isclose(found := float(answer(np.array([[0, 1, 2], [0, 1, 2]]))), 3):
        return f"two pictures of one kind have the depth 3, and it gives {found:.2f}"
    if not np.isclose(found := float(answer(np.array([[0, 1, 2], [3, 1, 2]]))), 0):
        return f"two pictures of different realms have the depth 0, not {found:.2f}: stop at the first difference"
    paths = np.random.default_rng(0).integers(0, 2, (9, 3))
    right = common_depth(paths)[np.triu_indices(9, 1)].mean()
    if not np.isclose(found := float(answer(paths)), right):
        return f"of nine random pictures it gives {found:.3f}, not {right:.3f}: count every pair once, none with itself"
    return None


def broad_latents(answer: Callable[..., tuple[float, float]]) -> str | None:
    """Asks for two numbers, the mean depth for one group and for four."""
    one_group, four_groups = (float(one) for one in answer())
    if np.isclose(one_group, 2.25) or np.isclose(four_groups, 1.5):
        return "a picture is not paired with itself: three of the other fifteen are of its kind, not four of sixteen"
    if not np.isclose(one_group, 2.2):
        return f"one group gives {one_group:.3f}: a pair of one kind has the depth 3, any other pair here 2"
    if not np.isclose(four_groups, 1.4):
        return f"four groups of one realm give {four_groups:.3f}: a pair of one kind has the depth 3, any other here 1"
    return None


def narrow_is_pure(answer: Callable[..., tuple[float, float]]) -> str | None:
    """Asks for two numbers, the rank correlation and what is left of it at equal support."""
    plain, partial = (float(one) for one in answer())
    if plain < 0.3:
        return f"the rank correlation is {plain:.2f}: later levels have less support, and less support a higher score"
    if abs(partial) > 0.1:
        return f"{partial:.2f} is left: in these data nothing but the support links level and score, so hold it fixed"
    return None
