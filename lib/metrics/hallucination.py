"""How often a multimodal LLM names objects that are not there: POPE on yes/no answers, CHAIR on captions.

POPE (Li et al., EMNLP 2023, arXiv 2305.10355) is accuracy, precision, recall and F1 of yes. An answer drawn from
a distribution counts with its chance of yes, so no number depends on a draw; a plain answer has the chance 0 or 1.
CHAIR (Rohrbach et al., EMNLP 2018, arXiv 1809.02156): CHAIR_I is the share of mentioned objects that are not there,
CHAIR_S the share of captions with at least one, and recall the share of present objects that are mentioned.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from lib.base.errors import CompanionError
from lib.metrics.intervals import Interval, bootstrap, bootstrap_units


@dataclass(frozen=True)
class PopeScores:
    """POPE scores of n answers to yes/no questions."""

    accuracy: float
    """Expected share of right answers."""
    precision: float
    """Expected share of right ones among the yes answers; NaN if there are none."""
    recall: float
    """Expected share of yes among the questions whose right answer is yes."""
    f1: float
    """Harmonic mean of precision and recall; 0 where no answer is yes."""
    yes: float
    """Expected share of yes answers."""
    right: np.ndarray
    """(n,) chance that each answer is right."""

    def interval(self, rng: np.random.Generator) -> Interval:
        """95 % bootstrap interval of the accuracy over questions."""
        return bootstrap(self.right, rng)


def pope(yes: np.ndarray, truth: np.ndarray) -> PopeScores:
    """Score chances to answer yes (n,) against the right answers, bool (n,)."""
    yes, truth = np.asarray(yes, np.float64), np.asarray(truth)
    if yes.ndim != 1 or yes.shape != truth.shape or truth.dtype != bool or not truth.any() or truth.all():
        raise CompanionError(
            f"{yes.shape} chances and {truth.shape} answers of type {truth.dtype}; give a number and a "
            "boolean for each question, and questions of both answers"
        )
    if not ((yes >= 0) & (yes <= 1)).all():
        raise CompanionError("chances of yes outside 0 to 1, or NaN; give probabilities")
    hits, said, right = float(yes[truth].sum()), float(yes.sum()), np.where(truth, yes, 1 - yes)
    return PopeScores(
        accuracy=float(right.mean()),
        precision=hits / said if said > 0 else float("nan"),
        recall=hits / int(truth.sum()),
        f1=2 * hits / (said + int(truth.sum())),
        yes=float(yes.mean()),
        right=right,
    )


@dataclass(frozen=True)
class ChairScores:
    """CHAIR scores of n captions, from counts of objects per caption."""

    wrong: np.ndarray
    """(n,) mentions of objects that are not there."""
    said: np.ndarray
    """(n,) mentions of objects."""
    found: np.ndarray
    """(n,) objects that are there and are mentioned."""
    there: np.ndarray
    """(n,) objects that are there."""

    @property
    def captions(self) -> float:
        """CHAIR_S: share of captions with at least one object that is not there."""
        return float((self.wrong > 0).mean())

    @property
    def objects(self) -> float:
        """CHAIR_I: share of mentions of objects that are not there; NaN where nothing is mentioned."""
        return float(self.wrong.sum() / self.said.sum()) if self.said.sum() else float("nan")

    @property
    def recall(self) -> float:
        """Share of the present objects that are mentioned."""
        return float(self.found.sum() / self.there.sum())

    def interval(self, rng: np.random.Generator, resamples: int = 2000) -> Interval:
        """95 % bootstrap interval of CHAIR_I over captions."""

        def share(rows: np.ndarray) -> float:
            return self.wrong[rows].sum() / max(1, self.said[rows].sum())

        interval = bootstrap_units(len(self.wrong), rng, share, resamples=resamples)
        return interval._replace(estimate=self.objects)


def chair(said: Sequence[Sequence[object]], there: Sequence[Collection[object]]) -> ChairScores:
    """Score the objects that captions mention, counted as often as they are mentioned, against those that are there."""
    if len(said) != len(there) or not said or not any(there):
        raise CompanionError(
            f"{len(said)} captions and {len(there)} truths; give the objects of each picture, some at least"
        )
    counts = [
        (sum(one not in true for one in mentioned), len(mentioned), len(set(mentioned) & set(true)), len(set(true)))
        for mentioned, true in zip(said, there, strict=True)
    ]
    wrong, total, found, real = np.array(counts).T
    return ChairScores(wrong, total, found, real)
