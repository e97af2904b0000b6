"""How altered candidates in the pool harm retrieval: false rate and drop rate, in both directions.

Source: Park et al., RoCOCO, arXiv 2304.10727. From images to text, altered captions join the captions; from text to
images, altered images join the images. Ranks and ties are those of `lib/metrics/retrieval.py`; among tied top
candidates, the false rate counts the share that are altered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lib.base.errors import CompanionError
from lib.metrics.retrieval import Ranks
from lib.metrics.rows import TIE


@dataclass(frozen=True)
class Attack:
    """Retrieval of q queries with and without altered candidates in the pool."""

    clean: Ranks
    """Rank of the best right candidate without the altered ones."""
    attacked: Ranks
    """Rank of the best right candidate with them."""
    fooled: np.ndarray
    """(q,) whether the first candidate is an altered one, of this query or of another."""

    @property
    def false_rate(self) -> float:
        """Share of queries whose first candidate is an altered one."""
        return float(self.fooled.mean())

    def drop_rate(self, k: int = 1) -> float:
        """(clean R@k - attacked R@k) / clean R@k; NaN where nothing is found without an attack."""
        clean = self.clean.recall(k)
        return (clean - self.attacked.recall(k)) / clean if clean else float("nan")


def attack(
    blocks: Iterable[tuple[np.ndarray, np.ndarray]], queries: np.ndarray, candidates: np.ndarray, *, tie: float = TIE
) -> Attack:
    """Rank with and without altered candidates, from blocks of scores that cover all queries in order.

    A block is a pair of (b, m) scores with the original candidates and (b, a) scores with the altered ones. queries
    (q,), candidates (m,): labels; a candidate is right for a query if their labels are equal. For images to text, they
    are the images' numbers and every caption's owner; for text to images, the reverse.
    """
    parts, start = [], 0
    for original, altered in blocks:
        labels = queries[start : start + len(original)]
        if original.shape != (len(labels), len(candidates)) or altered.shape[:1] != original.shape[:1]:
            raise CompanionError(
                f"scores of shapes {original.shape} and {altered.shape} after {start} of {len(queries)} queries and "
                f"{len(candidates)} candidates; give each query one row over both"
            )
        if not (np.isfinite(original).all() and np.isfinite(altered).all()):
            raise CompanionError("scores contain NaN or infinity; embed again or drop rows without a direction")
        right = labels[:, None] == candidates
        if not right.any(axis=1).all():
            bad = start + int((~right.any(axis=1)).argmax())
            raise CompanionError(f"query {bad} has no right candidate; give it one or drop it")
        parts.append(_block(original.astype(np.float64), altered.astype(np.float64), right, tie))
        start += len(original)
    if start != len(queries) or not parts:
        raise CompanionError(f"scores of {start} queries for {len(queries)} labels; give a row for each")
    clean, added, fooled = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Attack(Ranks(clean), Ranks(clean + added), fooled)


def _block(
    original: np.ndarray, altered: np.ndarray, right: np.ndarray, tie: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rank among the originals, number of altered candidates that come before, and whether an altered one is first."""
    best = np.where(right, original, -np.inf).max(axis=1, keepdims=True)
    wrong = np.where(right, -np.inf, original)
    everything = np.concatenate([original, altered], axis=1)
    first = everything >= everything.max(axis=1, keepdims=True) - tie
    return 1 + _ahead(wrong, best, tie), _ahead(altered, best, tie), first[:, len(right[0]) :].sum(1) / first.sum(1)


def _ahead(scores: np.ndarray, target: np.ndarray, tie: float) -> np.ndarray:
    """Number of scores per row that come before the target; a tied one counts half."""
    better = np.count_nonzero(scores > target + tie, axis=1)
    return better + 0.5 * (np.count_nonzero(scores >= target - tie, axis=1) - better)
