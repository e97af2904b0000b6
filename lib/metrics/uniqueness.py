"""Whether latents are distinct: Jaccard index of the sets of top images of all pairs of latents.

Source: Pach et al., arXiv 2504.02821, appendix G. Latents whose list is shorter than m are counted and left out of
the pairs, as there. All intersections come from one sparse product Z Z^T of the indicator matrix (latents, images).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from lib.data.errors import CompanionError
from lib.metrics.rows import blocks
from lib.metrics.top_examples import TopExamples

LATENTS = 2048
"""Rows of Z Z^T made at a time, which bounds the memory."""


@dataclass(frozen=True)
class Uniqueness:
    """full: numbers of the latents with m top images, those compared. short: latents with 1 to m - 1. dead: with none.

    jaccard: CSR (len(full), len(full)), the non-zero indices J(i, j) for i < j, in the numbering of `full`.
    """

    full: np.ndarray
    short: np.ndarray
    dead: np.ndarray
    jaccard: sp.csr_array

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
    """Jaccard indices of the top-m image sets of every pair of latents with full lists; at least two are needed."""
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
    for part in blocks(len(full), LATENTS):
        shared = sp.triu(indicator[part] @ indicator.T, k=part.start + 1, format="csr")
        # Both sets have m images, so their union has 2 m less the shared ones.
        jaccard = shared.data / (2 * top.m - shared.data)
        parts.append(sp.csr_array((jaccard, shared.indices, shared.indptr), shared.shape))
    short = np.flatnonzero((counts > 0) & (counts < top.m))
    return Uniqueness(full, short, np.flatnonzero(counts == 0), sp.vstack(parts, format="csr"))
