"""Retrieval with many right answers: recall at k, R-Precision and mAP@R, as ECCV Caption and CxC are scored.

Source: Chun et al., ECCV Caption, arXiv 2204.03359. With R right candidates for a query, the i-th of them at rank r_i,

    R-Precision = #{i: r_i <= R} / R,   mAP@R = (1 / R) sum over i with r_i <= R of i / r_i

A wrong candidate whose score is within the tie margin of a right one's comes before it, so embeddings that have
collapsed to one point do not score. (The authors' code takes tied candidates in the order that its sort returns.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from lib.base.errors import CompanionError
from lib.metrics.rows import TIE, blocks, check_same_space, unit_rows


@dataclass(frozen=True)
class PositiveScores:
    """Scores of q queries with several right candidates each."""

    first: np.ndarray
    """(q,) rank of the best right candidate, from 1."""
    r_precision: np.ndarray
    """(q,) R-Precision."""
    map_at_r: np.ndarray
    """(q,) mAP@R."""

    def recall(self, k: int) -> float:
        """R@k: share of queries with any right candidate among the first k."""
        return float((self.first <= k).mean())


def positive_scores(score_rows: Iterable[np.ndarray], positives: sp.csr_array, *, tie: float = TIE) -> PositiveScores:
    """Score queries from blocks of scores (b, m) that cover all rows of `positives`, bool (n, m), in order.

    Rows without a right candidate are not queries; the result has one entry for each of the others.
    """
    results, start = [], 0
    for block in score_rows:
        if block.ndim != 2 or block.shape[1] != positives.shape[1] or start + len(block) > positives.shape[0]:
            raise CompanionError(
                f"scores of shape {block.shape} after {start} queries for positives of shape {positives.shape}; "
                "give each query one row over all candidates"
            )
        if not np.isfinite(block).all():
            raise CompanionError("scores contain NaN or infinity; embed again or drop rows without a direction")
        for row, scores in enumerate(block.astype(np.float64), start):
            right = positives.indices[positives.indptr[row] : positives.indptr[row + 1]]
            if len(right):
                results.append(_of_query(scores, right, tie))
        start += len(block)
    if start != positives.shape[0] or not results:
        raise CompanionError(f"scores of {start} queries for positives of {positives.shape[0]}; give a row for each")
    return PositiveScores(*(np.array(column) for column in zip(*results, strict=True)))


def cosine_rows(queries: np.ndarray, candidates: np.ndarray, *, chunk: int = 256) -> Iterator[np.ndarray]:
    """Cosines of queries (n, d) with candidates (m, d), float64, in blocks of queries."""
    queries, candidates = unit_rows("queries", queries), unit_rows("candidates", candidates)
    check_same_space("queries", queries, "candidates", candidates)
    return (queries[rows] @ candidates.T for rows in blocks(len(queries), chunk))


def _of_query(scores: np.ndarray, right: np.ndarray, tie: float) -> tuple[float, float, float]:
    mine = np.sort(scores[right])[::-1]
    wrong = np.sort(np.delete(scores, right))
    order = np.arange(1, len(mine) + 1)
    ranks = order + len(wrong) - np.searchsorted(wrong, mine - tie, side="left")
    found = ranks <= len(mine)
    return float(ranks[0]), float(found.mean()), float((found * order / ranks).mean())
