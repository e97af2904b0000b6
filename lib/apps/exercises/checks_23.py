"""Checks of the exercises of notebook 23, sparsity and dead latents."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def killed(answer: Callable[..., tuple[float, float]]) -> str | None:
    """Asks for two shares, of the latents silent at the start and of the others that fell silent."""
    start = np.array([[1.0, 0, 0, 2, 0], [0, 3, 0, 0, 0]])
    trained = np.array([[1.0, 0, 0, 0, 0], [1, 0, 1, 0, 0]])
    silent, lost = (float(one) for one in answer(start, trained))
    if not np.isclose(silent, 2 / 5):
        return f"two of five latents are silent at the start, and you give {silent:.3f}"
    if np.isclose(lost, 3 / 5) or np.isclose(lost, 2 / 5):
        return "take the second share of the latents that fired at the start, not of all"
    if not np.isclose(lost, 2 / 3):
        return f"of three latents that fired at the start two fell silent, and you give {lost:.3f}"
    return None


def only_rare(answer: Callable[..., float]) -> str | None:
    """Asks for a share, given a number of rows."""
    for rows, right in ((100, 0.905), (1000, 0.368), (5000, 0.0067)):
        found = float(answer(rows))
        if np.isclose(found, 1 - right, atol=0.005):
            return "this is the share that fires at least once"
        if not np.isclose(found, right, atol=0.01):
            return f"{rows} rows give {found:.3f}: a latent looks dead if it misses each of them"
    return None
