"""Measure how well a small encoder does on inputs that were not in its training."""

from __future__ import annotations

import numpy as np

from lib.encoders.embeddings import Embeddings
from lib.metrics.gap import modality_gap
from lib.metrics.retrieval import retrieval, true_at_1
from lib.metrics.zero_shot import zero_shot


def unseen_scores(
    pairs: Embeddings, classes: np.ndarray, main: np.ndarray, holds: np.ndarray, thing: str
) -> dict[str, float]:
    """Zero-shot, retrieval and gap of one draw of pairs.

    pairs: embeddings of unit norm. classes: embedded names (classes, d). main: (n,) class of each thing's main part.
    holds: bool (captions, things), which caption is true of which thing. thing: "image" or "sound", for a column's
    name.
    zero_shot: accuracy for the main part. true_caption, true_image (or true_sound): share of top-1 retrieved captions
    that are true of the thing, and of things of which the caption is true. r1: recall at 1 of the exact caption, which
    other true captions push down. matched, random, l2m, rmg: see `lib.metrics.gap`.
    """
    seen, text = pairs.tower("image"), pairs.tower("text")
    gap = modality_gap(seen, text)
    return {
        "zero_shot": zero_shot(seen, classes, main).accuracy,
        "true_caption": true_at_1(seen, text, holds.T).mean(),
        f"true_{thing}": true_at_1(text, seen, holds).mean(),
        "r1": retrieval(seen, text).image_to_text.recall(1),
        "chance_true": holds.mean(),
        **{name: getattr(gap, name) for name in ("matched", "random", "l2m", "rmg")},
    }
