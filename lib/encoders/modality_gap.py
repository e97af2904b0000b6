"""The modality gap as a dial: the same embeddings with the means of their towers at any distance.

The means of pictures and captions lie apart in contrastive encoders (Liang et al. 2022, arXiv 2203.02053). CLIP's gap
is told by two numbers of its unit embeddings: how long a tower's mean is, and how far the two means point apart.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lib.base.vectors import normalise_rows
from lib.encoders.embeddings import Embeddings, Tower

MEAN_SQUARE = 0.53
"""Squared norm of a tower's mean, mean of both towers (CLIP ViT-B/16, 500 pairs of COCO)."""

MEANS_COSINE = 0.31
"""Cosine of the two means (the same embeddings)."""

_TOWERS: tuple[Tower, Tower] = ("image", "text")


def set_gap(embeddings: Embeddings, by: Embeddings, strength: float) -> Embeddings:
    """Put the mean of each tower where CLIP's would be: strength 0 is no gap, 1 is CLIP's.

    With y a row less its tower's mean over the rows `by`, of unit norm, and u a fixed direction for each tower, the new
    row is sqrt(s) u + sqrt(1 - s) y, of unit norm again, where s is `strength` times MEAN_SQUARE and the two u have the
    cosine MEANS_COSINE. What distinguishes the rows of a tower is what it was, on a smaller share of their length.
    """
    image, text = (
        move_rows(embeddings.tower(tower), by.tower(tower).mean(axis=0, dtype=np.float64), tower, strength)
        for tower in _TOWERS
    )
    identity = {**embeddings.identity, "gap": strength, "from the means of": by.identity}
    return replace(embeddings, image=image, text=text, normalised=True, identity=identity)


def move_rows(rows: np.ndarray, mean: np.ndarray, tower: Tower, strength: float) -> np.ndarray:
    """Rows (..., d) of a tower whose mean was `mean` (d,), with the mean of `set_gap`; float32, of unit norm."""
    share = strength * MEAN_SQUARE
    own = normalise_rows("embeddings", rows.astype(np.float64) - mean)
    moved = np.sqrt(share) * _directions(rows.shape[-1])[tower] + np.sqrt(1 - share) * own
    return normalise_rows("embeddings", moved).astype(np.float32)


def _directions(d: int) -> dict[Tower, np.ndarray]:
    """Two unit vectors (d,) with the cosine MEANS_COSINE."""
    first, second = np.random.default_rng(0).standard_normal((2, d))
    first /= np.linalg.norm(first)
    second -= (second @ first) * first
    second /= np.linalg.norm(second)
    return {"image": first, "text": MEANS_COSINE * first + np.sqrt(1 - MEANS_COSINE**2) * second}
