"""What a multimodal LLM says that is not there: POPE on yes/no answers, CHAIR on captions.

POPE (Li et al., EMNLP 2023, arXiv 2305.10355): accuracy, precision, recall and F1 of yes. An answer drawn from
a distribution counts with its chance of yes, so no number depends on a draw; a plain answer has 0 or 1.
CHAIR (Rohrbach et al., EMNLP 2018, arXiv 1809.02156): CHAIR_I is the share of mentioned objects that are not there,
CHAIR_S the share of captions with at least one, recall the share of what is there that is mentioned.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from lib.data.errors import CompanionError
from lib.metrics.intervals import Interval, bootstrap


@dataclass(frozen=True)
class Pope:
    """Of n answers; precision is NaN where nothing is answered with yes, and F1 then 0. right (n,): chance of each."""

    accuracy: float
    precision: float
    recall: float
    f1: float
    yes: float
    right: np.ndarray

    def interval(self, rng: np.random.Generator) -> Interval:
        """95 % bootstrap interval of the accuracy, questions drawn anew."""
        return bootstrap(self.right, rng)


def pope(yes: np.ndarray, truth: np.ndarray) -> Pope:
    """Scores of chances to answer yes (n,) against the right answers, bool (n,)."""
    yes, truth = np.asarray(yes, np.float64), np.asarray(truth)
    if yes.ndim != 1 or yes.shape != truth.shape or truth.dtype != bool or not truth.any() or truth.all():
        raise CompanionError(
            f"{yes.shape} chances and {truth.shape} answers of type {truth.dtype}; give a number and a "
            "boolean for each question, and questions of both answers"
        )
    if not ((yes >= 0) & (yes <= 1)).all():
        raise CompanionError("chances of yes outside 0 to 1, or NaN; give probabilities")
    hits, said, right = float(yes[truth].sum()), float(yes.sum()), np.where(truth, yes, 1 - yes)
    return Pope(
        accuracy=float(right.mean()),
        precision=hits / said if said > 0 else float("nan"),
        recall=hits / int(truth.sum()),
        f1=2 * hits / (said + int(truth.sum())),
        yes=float(yes.mean()),
        right=right,
    )


@dataclass(frozen=True)
class Chair:
    """captions: CHAIR_S. objects: CHAIR_I, NaN where nothing is mentioned. recall: of what is there.

    wrong, said, found, there: counts for each caption, (n,).
    """

    wrong: np.ndarray
    said: np.ndarray
    found: np.ndarray
    there: np.ndarray

    @property
    def captions(self) -> float:
        return float((self.wrong > 0).mean())

    @property
    def objects(self) -> float:
        return float(self.wrong.sum() / self.said.sum()) if self.said.sum() else float("nan")

    @property
    def recall(self) -> float:
        return float(self.found.sum() / self.there.sum())

    def interval(self, rng: np.random.Generator, resamples: int = 2000) -> Interval:
        """95 % bootstrap interval of CHAIR_I, captions drawn anew."""
        n = len(self.wrong)
        drawn = []
        for _ in range(resamples):
            rows = rng.integers(n, size=n)
            drawn.append(self.wrong[rows].sum() / max(1, self.said[rows].sum()))
        low, high = np.quantile(drawn, [0.025, 0.975])
        return Interval(self.objects, float(low), float(high))


def chair(said: Sequence[Sequence[object]], there: Sequence[Collection[object]]) -> Chair:
    """Scores of the objects that captions mention, as often as they do, against the objects that are there."""
    if len(said) != len(there) or not said or not any(there):
        raise CompanionError(
            f"{len(said)} captions and {len(there)} truths; give the objects of each picture, some at least"
        )
    counts = [
        (sum(one not in true for one in mentioned), len(mentioned), len(set(mentioned) & set(true)), len(set(true)))
        for mentioned, true in zip(said, there, strict=True)
    ]
    wrong, total, found, real = np.array(counts).T
    return Chair(wrong, total, found, real)
