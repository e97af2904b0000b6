"""Checks of the exercises of notebook 31, group sparsity and masks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def batch_topk(answer: Callable[..., np.ndarray]) -> str | None:
    """Asks for a code of the shape of the batch."""
    fit = np.array([[5.0, 4.0, 3.0, -1.0], [1.0, 0.5, -2.0, -3.0]])
    code = np.asarray(answer(fit.copy(), 2))
    if code.shape != fit.shape:
        return f"a batch of shape {fit.shape} gives a code of shape {code.shape}"
    if np.allclose(code, [[5.0, 4.0, 0.0, 0.0], [1.0, 0.5, 0.0, 0.0]]):
        return "this is TopK, two of each row: the first row may keep three, if the second keeps one"
    if not np.allclose(code, [[5.0, 4.0, 3.0, 0.0], [1.0, 0.0, 0.0, 0.0]]):
        return "of these eight entries the four largest should stay as they are, and the rest be zero"
    if (np.asarray(answer(fit - 10, 2)) != 0).any():
        return "negative entries stay, though they are among the largest: cut them off at zero"
    return None


def score_across(answer: Callable[..., float]) -> str | None:
    """Asks for one number."""
    rng = np.random.default_rng(0)
    a, b = rng.random(6), rng.random(4)
    e, f = (m / np.linalg.norm(m, axis=1, keepdims=True) for m in (rng.standard_normal((n, 3)) for n in (6, 4)))
    found, right = float(answer(a, b, e, f)), (np.outer(a, b) * (e @ f.T)).sum() / np.outer(a, b).sum()
    if np.isclose(found, right * a.sum() * b.sum()):
        return "divide by the sum of the weights"
    if np.isclose(found, (e @ f.T).mean()):
        return "this is the mean over all pairs alike: weight each by both activations"
    if not np.isclose(found, right):
        return f"the loop over all pairs gives {right:.3f}, and you give {found:.3f}"
    silent = float(answer(a, np.zeros(4), e, f))
    return None if silent == 0 else f"a latent that is silent on captions scores {silent}, not 0"
