"""How deep in a taxonomy a latent is: the depth of the lowest common ancestor of its top images.

Source: Pach et al., arXiv 2504.02821, appendix E.3: for each pair of a latent's top 16 images the depth of their lowest
common ancestor, averaged. The released code rounds the mean of every latent to an integer before it averages over a
level, and leaves out latents with fewer than 16 images; here nothing is rounded, and the number left out is given.
Any taxonomy will do: it is given as one row of labels per image, from the root's children down to the leaf.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.base.errors import CompanionError
from lib.metrics.top_examples import TopExamples


def common_depth(paths: np.ndarray) -> np.ndarray:
    """Depth of the lowest common ancestor of every pair of items, int64 (n, n).

    paths: (n, ranks) labels, coarse to fine. Depth 0: nothing in common but the root; depth `ranks`: the same leaf.
    """
    paths = _checked(paths)
    same = paths[:, None, :] == paths[None, :, :]
    return np.cumprod(same, axis=2).sum(axis=2)


@dataclass(frozen=True)
class Depths:
    """Depths of the lowest common ancestors of the latents' top images."""

    depth: np.ndarray
    """(width,) mean over the pairs of a latent's list, NaN where the list is not full."""
    chance: float
    """Mean over all pairs of different images, the value by chance."""
    ranks: int
    """Depth of a leaf."""

    @property
    def kept(self) -> np.ndarray:
        """bool (width,): latents with a full list."""
        return ~np.isnan(self.depth)


def latent_depths(top: TopExamples, paths: np.ndarray) -> Depths:
    """Depth of every latent, from its top images: row numbers of `paths` (n, ranks), -1 where a list ends."""
    paths = _checked(paths)
    width, m = top.rows.shape
    if m < 2:
        raise CompanionError(f"lists of {m} top images; depths need pairs, so give at least 2")
    if top.rows.max(initial=-1) >= len(paths):
        raise CompanionError(
            f"top images name row {top.rows.max()} of {len(paths)}; give the labels of the same images"
        )
    depth = np.full(width, np.nan)
    above = ~np.eye(m, dtype=bool)
    for latent in np.flatnonzero((top.rows >= 0).all(axis=1)):
        depth[latent] = common_depth(paths[top.rows[latent]])[above].mean()
    return Depths(depth, _chance(paths), paths.shape[1])


def _chance(paths: np.ndarray) -> float:
    """Mean depth over all pairs of different images: the sum over ranks of the share of pairs that agree down to it."""
    n, total = len(paths), 0.0
    groups = np.zeros(n, dtype=np.int64)
    for column in paths.T:
        _, codes = np.unique(column, return_inverse=True)
        _, groups = np.unique(groups * (codes.max() + 1) + codes, return_inverse=True)
        sizes = np.bincount(groups).astype(np.float64)
        total += (sizes * (sizes - 1)).sum() / (n * (n - 1))
    return total


def _checked(paths: np.ndarray) -> np.ndarray:
    paths = np.asarray(paths)
    if paths.ndim != 2 or paths.shape[0] < 2 or paths.shape[1] < 1:
        raise CompanionError(
            f"taxonomy labels of shape {paths.shape}; give a row of ranks for each of at least 2 images"
        )
    return paths
