"""The modality gap as a dial: it puts the means of the two towers of embeddings at any distance.

In contrastive encoders the means of pictures and captions are far apart (Liang et al. 2022, arXiv 2203.02053). Two
numbers of CLIP's unit embeddings describe its gap: the length of a tower's mean, and the cosine of the two means.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lib.base.vectors import normalise_rows
from lib.encoders.embeddings import Embeddings, Tower

MEAN_SQUARE = 0.53
"""Squared norm of a tower's mean, averaged over both towers (CLIP ViT-B/16, 500 pairs of COCO)."""

MEANS_COSINE = 0.31
"""Cosine of the two means (the same embeddings)."""

_TOWERS: tuple[Tower, Tower] = ("image", "text")


def set_gap(embeddings: Embeddings, by: Embeddings, strength: float) -> Embeddings:
    """Put the mean of each tower where CLIP's would be: strength 0 is no gap, 1 is CLIP's.

    Let y be a row minus its tower's mean over the rows of `by`, scaled to unit norm, and u a fixed direction for each
    tower. The new row is sqrt(s) u + sqrt(1 - s) y, of unit norm again, where s is `strength` times MEAN_SQUARE and the
    two u have the cosine MEANS_COSINE. The differences between the rows of a tower stay the same, on a smaller scale.
    """
    image, text = (
        move_rows(embeddings.tower(tower), by.tower(tower).mean(axis=0, dtype=np.float64), tower, strength)
        for tower in _TOWERS
    )
    identity = {**embeddings.identity, "gap": strength, "from the means of": by.identity}
    return replace(embeddings, image=image, text=text, normalised=True, identity=identity)


def move_rows(rows: np.ndarray, mean: np.ndarray, tower: Tower, strength: float) -> np.ndarray:
    """Give rows (..., d) of a tower with mean `mean` (d,) the mean of `set_gap`; float32, of unit norm."""
    share = strength * MEAN_SQUARE
    own = normalise_rows("embeddings", rows.astype(np.float64) - mean)
    moved = np.sqrt(share) * _directions(rows.shape[-1])[tower] + np.sqrt(1 - share) * own
    return normalise_rows("embeddings", moved).astype(np.float32)


def _directions(d: int) -> dict[Tower, np.ndarray]:
    """Make two unit vectors (d,) with the cosine MEANS_COSINE."""
    first, second = np.random.default_rng(0).standard_normal((2, d))
    first /= np.linalg.norm(first)
    second -= (second @ first) * first
    second /= np.linalg.norm(second)
    return {"image": first, "text": MEANS_COSINE * first + np.sqrt(1 - MEANS_COSINE**2) * second}
