"""The modality gap between paired image and text embeddings.

Source: Schrodi et al., ICLR 2025 (arXiv 2404.07983), with dissimilarity (1 - cos) / 2:

    L2M = |mean(image) - mean(text)| on unit vectors
    RMG = P / (P + (I + T) / 2), P over matched pairs, I and T over pairs of distinct images and distinct texts

Rows are normalised here. The means over all pairs follow from sums of vectors in linear time, in float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from lib.base.errors import CompanionError
from lib.encoders.embeddings import Embeddings
from lib.metrics.rows import blocks, check_paired, check_same_space, finite_matrix, unit_rows


@dataclass(frozen=True)
class Gap:
    """The modality gap of paired embeddings, with the mean cosines from which it is computed."""

    l2m: float
    """Distance of the mean image and the mean text, 0 to 2."""
    rmg: float
    """Relative modality gap, 0 (no gap) to 1."""
    matched: float
    """Mean cosine of image i with text i."""
    random: float
    """Mean cosine of image i with text j, i and j distinct."""
    image_image: float
    """Mean cosine of two distinct images."""
    text_text: float
    """Mean cosine of two distinct texts."""
    rows: int
    """Number of pairs."""


def modality_gap(image: np.ndarray, text: np.ndarray, *, chunk: int = 8192) -> Gap:
    """Measure the gap of matched embeddings image (n, d) and text (n, d): at least two pairs, each image once.

    Examples
    --------
    >>> image, text = np.array([[1.0, 0, 0], [0, 1, 0]]), np.array([[1.0, 0, 1], [0, 1, 1]])
    >>> gap = modality_gap(image, text)
    >>> round(gap.l2m, 3), round(gap.matched, 3), round(gap.random, 3)
    (0.737, 0.707, 0.0)
    """
    image, text = finite_matrix("image embeddings", image), finite_matrix("text embeddings", text)
    check_paired("image embeddings", image, "text embeddings", text)
    check_same_space("image embeddings", image, "text embeddings", text)
    n = len(image)
    if n < 2:
        raise CompanionError("the gap compares pairs with other pairs, but there is only one; give at least 2")
    image_sum, text_sum, matched = np.zeros(image.shape[1]), np.zeros(image.shape[1]), 0.0
    for rows in blocks(n, chunk):
        x, y = unit_rows("image embeddings", image[rows]), unit_rows("text embeddings", text[rows])
        image_sum += x.sum(axis=0)
        text_sum += y.sum(axis=0)
        matched += float(np.einsum("nd,nd->", x, y))
    image_image, text_text = ((s @ s - n) / (n * (n - 1)) for s in (image_sum, text_sum))
    across, within = (1 - matched / n) / 2, (2 - image_image - text_text) / 4
    if across + within <= 1e-12:
        raise CompanionError("all embeddings have one direction and RMG is 0/0; check the encoder")
    return Gap(
        l2m=float(np.linalg.norm(image_sum - text_sum) / n),
        rmg=float(across / (across + within)),
        matched=matched / n,
        random=float((image_sum @ text_sum - matched) / (n * (n - 1))),
        image_image=float(image_image),
        text_text=float(text_text),
        rows=n,
    )


def pair_cosines(e: Embeddings) -> pd.DataFrame:
    """Cosine of every picture with its own caption (matched) and with the next picture's (random)."""
    image, text = e.unit().tower("image"), e.unit().tower("text")
    dots = {"matched": (image * text).sum(axis=1), "random": (image * np.roll(text, 1, axis=0)).sum(axis=1)}
    return pd.DataFrame(dots).astype(np.float64)


def gap_plane(e: Embeddings) -> dict[str, np.ndarray]:
    """Project pictures and captions to a plane, (n, 2) each.

    The first axis is the line through the two means, the second is the first principal component of the rest.
    """
    image, text = (e.tower(tower).astype(np.float64) for tower in ("image", "text"))
    axis = image.mean(axis=0) - text.mean(axis=0)
    axis /= np.linalg.norm(axis)
    both = np.concatenate([image, text])
    along = both @ axis
    rest = PCA(1, svd_solver="full").fit_transform(both - along[:, None] * axis)
    points = np.column_stack([along, rest])
    return {"pictures": points[: len(e)], "captions": points[len(e) :]}
