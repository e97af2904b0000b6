"""The modality gap between paired image and text embeddings.

Source: Schrodi et al., ICLR 2025 (arXiv 2404.07983), with dissimilarity (1 - cos) / 2:

    L2M = |mean(image) - mean(text)| on unit vectors
    RMG = P / (P + (I + T) / 2), P over matched pairs, I and T over pairs of distinct images and distinct texts

Rows are normalised here. The means over all pairs follow from sums of vectors in linear time, in float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.data.errors import CompanionError
from lib.metrics.rows import blocks, matrix, paired, same_space, unit_rows


@dataclass(frozen=True)
class Gap:
    """l2m: distance of the mean image and the mean text, 0 to 2. rmg: relative modality gap, 0 (none) to 1.

    Mean cosines: matched (image i with text i), random (image i with text j, i and j distinct), image_image and
    text_text (distinct rows of one modality). rows: number of pairs.
    """

    l2m: float
    rmg: float
    matched: float
    random: float
    image_image: float
    text_text: float
    rows: int


def modality_gap(image: np.ndarray, text: np.ndarray, *, chunk: int = 8192) -> Gap:
    """The gap of matched embeddings image (n, d) and text (n, d), at least two pairs, each image once."""
    image, text = matrix("image embeddings", image), matrix("text embeddings", text)
    paired("image embeddings", image, "text embeddings", text)
    same_space("image embeddings", image, "text embeddings", text)
    n = len(image)
    if n < 2:
        raise CompanionError("the gap compares pairs with other pairs and one came; give at least 2")
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
