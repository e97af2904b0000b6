"""Checks of the exercises of notebook 24, distance or cosine."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def slopes(answer: Callable[..., tuple[float, float]]) -> str | None:
    """Asks for two slopes, that of the distance first."""
    for cosine in (0.0, 0.5, 0.9):
        distance, product = (float(one) for one in answer(cosine))
        right = 1 / np.sqrt(2 - 2 * cosine)
        if np.isclose(distance, -right, rtol=0.01):
            return "the activation grows with the cosine: mind the minus before the root"
        if not np.isclose(distance, right, rtol=0.01):
            return (
                f"at a cosine of {cosine} the distance's slope is not {distance:.3f}: |x - w| is the root of 2 - 2 cos"
            )
        if not np.isclose(product, 1, rtol=0.01):
            return f"the cosine grows as fast as itself, and you give {product:.3f}"
    return None
