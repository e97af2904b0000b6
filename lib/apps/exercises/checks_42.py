"""Checks of the exercises of notebook 42, one wrong fact."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def fooled(answer: Callable[..., tuple[float, float]]) -> str | None:
    """Asks for two shares, the pictures that are fooled first."""
    own = np.array([[0.9, 0.1, 0.0, 0.0], [0.2, 0.6, 0.1, 0.0], [0.0, 0.1, 0.5, 0.3], [0.0, 0.0, 0.0, 0.4]])
    altered = np.array([[0.8, 0.0, 0.0, 0.0], [0.0, 0.7, 0.0, 0.0], [0.6, 0.0, 0.4, 0.0], [0.0, 0.0, 0.0, 0.3]])
    false, prefers = (float(one) for one in answer(own.copy(), altered.copy()))
    if np.isclose(false, 1 / 4):
        return "one picture is fooled by the altered caption of another: compare with all of them"
    if not np.isclose(false, 1 / 2):
        return f"two of four pictures have an altered caption first, and you give {false:.2f}"
    if not np.isclose(prefers, 3 / 4):
        return f"three of four prefer their own caption to its altered form, and you give {prefers:.2f}"
    return None
