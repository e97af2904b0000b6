"""Checks of the exercises of notebook 21, zero-shot classification with codes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def class_scores(answer: Callable[..., np.ndarray]) -> str | None:
    """Asks for scores of shape (n, c)."""
    rng = np.random.default_rng(0)
    x, classes, h, h_classes = (rng.standard_normal(shape) for shape in ((5, 8), (3, 8), (5, 20), (3, 20)))
    unit = [m / np.linalg.norm(m, axis=1, keepdims=True) for m in (x, classes, h, h_classes)]
    found = np.asarray(answer(x, classes, h, h_classes, 0.1))
    if found.shape != (5, 3):
        return f"5 pictures and 3 classes give scores of shape {found.shape}, not (5, 3)"
    if np.allclose(found, x @ classes.T + 0.1 * h @ h_classes.T):
        return "these are products of raw rows: divide every row by its length"
    alone, codes = unit[0] @ unit[1].T, unit[2] @ unit[3].T
    if np.allclose(found, 0.9 * alone + 0.1 * codes):
        return "the paper adds alpha times the codes' cosine to the whole of the other, and does not mix the two"
    if not np.allclose(found, alone + 0.1 * codes):
        return "it is not the cosine of the embeddings plus alpha times that of the codes"
    return None


def gain_of_choosing(answer: Callable[..., float]) -> str | None:
    """Asks for the mean gain in points, one number."""
    gain = float(answer())
    if 0 < gain < 0.1:
        return f"the gain is {gain:.4f}: give it in points, from 0 to 100"
    if gain <= 0:
        return f"the gain is {gain:.2f}: with 0 among the weights the best of them cannot lose"
    if not 0.3 < gain < 3:
        return f"the gain is {gain:.2f} points: subtract the accuracy at weight 0, and average over the draws"
    return None
