"""R@1 of captions of the dial: of the exact pair, and of any candidate that is true."""

from __future__ import annotations

import numpy as np

from lib.metrics.retrieval import Retrieval, rank_scores, top_is_true


def dial_recalls(scores: np.ndarray, holds: np.ndarray) -> dict[str, float]:
    """R@1 in percent from scores (images, captions) whose diagonal is right.

    i2t, t2i: the exact pair, ties by average rank. true_i2t, true_t2i: any caption that is true of the picture, any
    picture of which the caption is. holds: bool (captions, images).
    """
    ranks = exact_ranks(scores)
    numbers = {
        "i2t": ranks.image_to_text.recall(1),
        "t2i": ranks.text_to_image.recall(1),
        "true_i2t": float(top_is_true(scores, holds.T).mean()),
        "true_t2i": float(top_is_true(scores.T, holds).mean()),
    }
    return {name: 100 * value for name, value in numbers.items()}


def exact_ranks(scores: np.ndarray) -> Retrieval:
    """Ranks of the exact pairs from scores (n, n) whose diagonal is right."""
    return rank_scores([scores], np.diag(scores).copy(), np.arange(len(scores)))
