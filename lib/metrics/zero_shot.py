"""Zero-shot classification: the class whose text embedding has the largest cosine with the image."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lib.base.errors import CompanionError
from lib.metrics.rows import TIE, blocks, check_same_space, unit_rows


@dataclass(frozen=True)
class ZeroShot:
    """Zero-shot classification of n images."""

    hits: np.ndarray
    """bool (n,): whether the image's own class is strictly ahead of every other."""
    labels: np.ndarray
    """(n,) right class of each image."""
    classes: int
    """Number of classes."""

    @property
    def accuracy(self) -> float:
        """Share of images whose own class comes first."""
        return float(self.hits.mean())

    @property
    def by_class(self) -> np.ndarray:
        """(classes,) accuracy on the images of each class; NaN for a class without images."""
        counts = np.bincount(self.labels, minlength=self.classes)
        found = np.bincount(self.labels, weights=self.hits, minlength=self.classes)
        return np.divide(found, counts, out=np.full(self.classes, np.nan), where=counts > 0)


def zero_shot(image: np.ndarray, classes: np.ndarray, labels: np.ndarray, *, chunk: int = 8192) -> ZeroShot:
    """Classify images (n, d) by class embeddings (c, d), and compare with labels (n,) from 0 to c - 1.

    Ties are pessimistic: an image whose class shares the first place is missed, so constant embeddings score 0.

    Examples
    --------
    >>> image = np.array([[1.0, 0], [2, 1], [0, 1]])
    >>> zero_shot(image, classes=np.eye(2), labels=np.array([0, 1, 1])).hits.tolist()
    [True, False, True]
    """
    image, classes = unit_rows("image embeddings", image), unit_rows("class embeddings", classes)
    check_same_space("image embeddings", image, "class embeddings", classes)
    scores = (image[rows] @ classes.T for rows in blocks(len(image), chunk))
    return classify(scores, labels, (len(image), len(classes)))


def classify(score_rows: Iterable[np.ndarray], labels: np.ndarray, shape: tuple[int, int]) -> ZeroShot:
    """`zero_shot` from scores in blocks of images that cover all n in order; shape: (n, c)."""
    labels, (n, c) = np.asarray(labels), shape
    if labels.shape != (n,) or labels.dtype.kind not in "iu":
        raise CompanionError(
            f"labels of shape {labels.shape} and type {labels.dtype} for {n} images; give a class number for each"
        )
    if labels.min() < 0 or labels.max() >= c:
        raise CompanionError(f"labels from {labels.min()} to {labels.max()} for {c} classes; count from 0")
    hits, start = np.empty(n, bool), 0
    for scores in score_rows:
        rows = slice(start, start + len(scores))
        own = np.take_along_axis(scores, labels[rows][:, None], axis=1)
        hits[rows] = (scores >= own - TIE).sum(axis=1) == 1
        start = rows.stop
    return ZeroShot(hits, labels, c)
