"""Exercises of notebook 33, what shared latents are good for."""

import numpy as np


def found_first(scores: np.ndarray) -> float:
    """Easy. `scores` (n, n) compares the codes of n pictures with those of n captions; the right caption of picture i
    is i. Many codes share no latent and score 0. Return recall at 1 from picture to caption with ties against us: a
    picture counts only if every other caption scores less than its own."""
    others = scores.copy()
    np.fill_diagonal(others, -np.inf)
    return float((scores.diagonal() > others.max(axis=1)).mean())
