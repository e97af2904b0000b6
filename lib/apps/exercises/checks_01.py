"""Checks of the exercise of notebook 01, the scenes world."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def distance_of_means(answer: Callable[..., float]) -> str | None:
    """Asks for one number, the distance of the two means."""
    random = np.random.default_rng(1)
    images, captions = random.standard_normal((30, 4)) + 1, 3 * random.standard_normal((20, 4))
    found = float(answer(images, captions))
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (images, captions)]
    right = np.linalg.norm(unit[0].mean(axis=0) - unit[1].mean(axis=0))
    if np.isclose(found, np.linalg.norm(images.mean(axis=0) - captions.mean(axis=0))):
        return "these are the means of the vectors as they come; divide every row by its length first"
    if np.isclose(found, right**2):
        return "this is the square of the distance; take the root"
    return None if np.isclose(found, right) else f"for 30 random pictures and 20 captions it gives {found:.3f}"
