"""Checks of the exercises of notebook 10, the Monosemanticity Score."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

SUPPORTS = (2, 5, 20, 80)
SHARES = (0.5, 0.8, 1.0)


def two_pictures(answer: Callable[..., tuple[float, float]]) -> str | None:
    """Asks for two numbers, the score and the cosine."""
    score, cosine = (float(one) for one in answer())
    if np.isnan(score):
        return "the score is nan: of two pictures alone the weaker one is scaled to 0, so give the latent all four"
    if not np.isclose(cosine, 0.9):
        return f"the two vectors have the cosine {cosine:.3f}, not nine tenths"
    if not np.isclose(score, cosine):
        return f"the score is {score:.3f}: one pair has a weight, and in the ratio that weight cancels"
    return None


def lucky_latents(answer: Callable[..., dict[int, float]]) -> str | None:
    """Asks for a dict of support to best score, for the supports 2, 5, 20 and 80."""
    best = answer()
    scores = [float(best[support]) for support in SUPPORTS]
    if scores[0] < 0.3:
        return f"support 2 gives {scores[0]:.2f}: take the best of 1,000 latents, not their mean"
    if scores[-1] > 0.15:
        return f"support 80 gives {scores[-1]:.2f}: the judge's vectors need a mean of 0, as standard_normal has it"
    if scores != sorted(scores, reverse=True):
        return "the best score should fall with the support: a few pictures can be alike by luck"
    return None


def mixed_latent(answer: Callable[..., dict[float, float]]) -> str | None:
    """Asks for a dict of share to score, for the shares 0.5, 0.8 and 1."""
    scores = answer()
    for share in SHARES:
        found, right = float(scores[share]), 0.8 * (share**2 + (1 - share) ** 2)
        if np.isclose(found, right, atol=0.02):
            continue
        if np.isclose(found, 0.8 * share, atol=0.02):
            return f"a share of {share} gives {found:.2f}: pairs of a cat and a car have a weight, and the cosine 0"
        return f"a share of {share} gives {found:.2f}: count the pairs of each sort, and weight their cosines"
    return None
