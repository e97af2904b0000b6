"""Whether latents are distinct: the Jaccard index of the top images of every pair of latents.

Source: Pach et al., arXiv 2504.02821, appendix G. Latents whose list is shorter than m are counted and left out of
the pairs, as in the paper. All intersections come from one sparse product Z Z^T of the indicator matrix
(latents, images).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from lib.base.errors import CompanionError
from lib.metrics.rows import blocks
from lib.metrics.top_examples import TopExamples

ROWS_AT_ONCE = 2048
"""Rows of Z Z^T computed at a time, which bounds the memory."""


@dataclass(frozen=True)
class Uniqueness:
    """Overlap of the top-m image sets of pairs of latents."""

    full: np.ndarray
    """Numbers of the latents with m top images, which are compared."""
    short: np.ndarray
    """Numbers of the latents with 1 to m - 1 images."""
    dead: np.ndarray
    """Numbers of the latents without any image."""
    jaccard: sp.csr_array
    """CSR (len(full), len(full)): the non-zero indices J(i, j) for i < j, in the numbering of `full`."""

    @property
    def pairs(self) -> int:
        """Number of compared pairs of latents."""
        return len(self.full) * (len(self.full) - 1) // 2

    def share_above(self, threshold: float) -> float:
        """Share of all compared pairs whose Jaccard index exceeds `threshold` (at least 0)."""
        if threshold < 0:
            raise CompanionError(f"a Jaccard threshold of {threshold}; give 0 or more")
        return int((self.jaccard.data > threshold).sum()) / self.pairs


def uniqueness(top: TopExamples) -> Uniqueness:
    """Compute the Jaccard index of every pair of latents with full lists; at least two such latents are needed.

    Examples
    --------
    >>> from lib.metrics.top_examples import top_examples
    >>> from lib.sae.codes import SparseCodes
    >>> matrix = np.array([[3.0, 3, 0], [2, 2, 2], [0, 0, 1]])
    >>> found = uniqueness(top_examples(SparseCodes.from_matrix(np.array(["a", "b", "c"]), matrix), m=2))
    >>> found.pairs, found.share_above(0.5)
    (3, 0.3333333333333333)
    """
    counts = top.counts
    full = np.flatnonzero(counts == top.m)
    if len(full) < 2:
        raise CompanionError(
            f"{len(full)} of {top.width} latents have {top.m} active images and a pair needs 2; "
            "use a smaller m or more rows"
        )
    rows = top.rows[full].ravel()
    indicator = sp.csr_array(
        (np.ones(len(rows), np.int64), rows, np.arange(0, len(rows) + 1, top.m)), shape=(len(full), top.seen)
    )
    parts = []
    for part in blocks(len(full), ROWS_AT_ONCE):
        shared = sp.triu(indicator[part] @ indicator.T, k=part.start + 1, format="csr")
        # Both sets have m images, so their union has 2 m minus the shared ones.
        jaccard = shared.data / (2 * top.m - shared.data)
        parts.append(sp.csr_array((jaccard, shared.indices, shared.indptr), shared.shape))
    short = np.flatnonzero((counts > 0) & (counts < top.m))
    return Uniqueness(full, short, np.flatnonzero(counts == 0), sp.vstack(parts, format="csr"))
