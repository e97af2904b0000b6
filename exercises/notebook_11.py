"""Exercises of notebook 11, levels and the taxonomy."""

from itertools import combinations

import numpy as np

from lib.metrics.intervals import partial_spearman, spearman


def mean_depth(paths: np.ndarray) -> float:
    """Easy. `paths` has one row per picture: the numbers of its realm, its group and its kind. Write the depth by hand.
    For every pair of pictures, count how many ranks agree, from the realm downwards, until the first that differs;
    return the mean over all pairs."""
    depths = []
    for one, other in combinations(paths, 2):
        differs = one != other
        depths.append(int(differs.argmax()) if differs.any() else len(differs))
    return float(np.mean(depths))


def broad_latents() -> tuple[float, float]:
    """Medium. The 16 top pictures of a latent show four kinds of one group, four pictures each. Those of another latent
    also show four kinds, but from four different groups of one realm. Return the mean depth of the first and of the
    second. Does the measure say that either of them is about one thing?"""
    kinds = np.repeat(np.arange(4), 4)
    same = np.zeros(16, dtype=int)
    one_group = np.stack([same, same, kinds], axis=1)
    four_groups = np.stack([same, kinds, kinds], axis=1)
    return mean_depth(one_group), mean_depth(four_groups)


def narrow_is_pure() -> tuple[float, float]:
    """Hard. Make 2,000 latents of the levels 0 to 3. The logarithm of a latent's support is minus its level plus
    standard normal noise, and its score is minus the logarithm of the support plus noise of the same size: the level
    plays no part in it. Return the rank correlation of level and score, and what is left of it at equal support."""
    rng = np.random.default_rng(0)
    level = rng.integers(4, size=2000)
    support = -level + rng.standard_normal(2000)
    score = -support + rng.standard_normal(2000)
    return spearman(level, score), partial_spearman(level, score, support)
