"""Checks of the exercises of notebook 13, what the score leaves open."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def untrained_share(answer: Callable[..., tuple[float, float]]) -> str | None:
    """Asks for two numbers, the share of the scores as they are and above chance."""
    raw, above = (float(one) for one in answer(0.6, 0.5, 0.4))
    if not np.isclose(raw, 0.5 / 0.6):
        return f"scores of 0.6 trained and 0.5 untrained have the ratio 0.833 as they are; you give {raw:.3f}"
    if np.isclose(above, raw):
        return "both numbers are the same; subtract chance from both scores before you divide"
    if not np.isclose(above, 0.5):
        return f"0.6 and 0.5 with chance at 0.4 leave a half; you give {above:.3f}"
    return None


def narrow_and_broad(answer: Callable[..., tuple[float, float]]) -> str | None:
    """Asks for two numbers, the score of the latent of one kind and of the latent of the whole group."""
    narrow, broad = (float(one) for one in answer())
    if not np.isclose(narrow, 0.6, atol=0.02):
        return f"the latent of one kind scores {narrow:.2f}, not the cosine of two pictures of that kind"
    if np.isclose(broad, 0.4, atol=0.02):
        return "this is the mean of the two cosines; of the pairs of four kinds only a quarter is of one kind"
    if not np.isclose(broad, 0.3, atol=0.02):
        return f"the latent of the group scores {broad:.2f}: a quarter of its pairs is of one kind, the rest is not"
    return None


def two_denominators(answer: Callable[..., tuple[float, float]]) -> str | None:
    """Asks for two numbers, the score and the mean over all pairs."""
    score, over_all = (float(one) for one in answer())
    if not np.isclose(score, 0.5):
        return f"the score is {score:.3f}: all pairs with a weight have the cosine one half"
    if np.isclose(over_all, 0.5 * 0.05**2):
        return "nearly: no picture is paired with itself, so 50 of 1,000 leave 50 x 49 of 1,000 x 999"
    if not np.isclose(over_all, 0.5 * 50 * 49 / (1000 * 999)):
        return f"the mean over all pairs is {over_all:.5f}: divide by all pairs of 1,000 pictures"
    return None
