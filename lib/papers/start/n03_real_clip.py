"""Real CLIP embeddings of 500 COCO pairs: numbers that others have published for them."""

from __future__ import annotations

import pandas as pd

from lib.data.sets.coco_vectors import coco500
from lib.metrics.gap import modality_gap
from lib.metrics.retrieval import retrieval

KNOWN = {
    "distance of the two means": 0.851,
    "mean cosine of matched pairs": 0.310,
    "mean cosine of random pairs": 0.162,
    "image-to-text recall at 1": 0.552,
}
"""Numbers known for these embeddings; the first is in Liang et al., NeurIPS 2022, figure 1."""


def known_numbers() -> pd.DataFrame:
    """Name, known value and measured value of each number of KNOWN, over all 500 pairs."""
    _, image, text, _ = coco500()
    gap = modality_gap(image, text)
    measured = [gap.l2m, gap.matched, gap.random, retrieval(image, text).image_to_text.recall(1)]
    return pd.DataFrame({"name": list(KNOWN), "known": list(KNOWN.values()), "measured": measured})
