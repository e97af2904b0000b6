"""Checks of the exercises of notebook 30, why dictionaries split."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def merged_by_the_paper(answer: Callable[..., float]) -> str | None:
    """Asks for a cosine, one number."""
    rho = float(answer())
    if np.isclose(rho, 0.972, atol=0.01):
        return "you compare the weight itself with the threshold: divide it by the activation first"
    if not np.isclose(rho, 0.84, atol=0.01):
        return f"the cosine is {rho:.2f}, and there the threshold is not the weight times the root of K"
    return None


def three_modalities(answer: Callable[..., float]) -> str | None:
    """Asks for one ratio."""
    ratio, right = float(answer()), np.sqrt(3) / (np.sqrt(2) + 1)
    if np.isclose(ratio, 1 / right, rtol=0.01):
        return "the ratio is upside down: one latent for all three comes first"
    if np.isclose(ratio, 1, rtol=0.01):
        return "an L1 norm ignores sharing: take the root of the sum of squares for each latent"
    if np.isclose(ratio, np.sqrt(3 / 2), rtol=0.01):
        return "in the second code the third modality has a latent of its own, which costs 1 more"
    return (
        None if np.isclose(ratio, right, rtol=0.01) else f"the ratio is {ratio:.3f}; write the codes below each other"
    )


def only_the_gap(answer: Callable[..., dict[str, float]]) -> str | None:
    """Asks for a dict of two numbers, the mean cosines of paired codes of "SAE-1b" and of "SAE-2b"."""
    left = answer()
    one, two = float(left["SAE-1b"]), float(left["SAE-2b"])
    if two < one + 0.2:
        return f"two biases give {two:.2f} and one gives {one:.2f}: are the directions equal, and is the gap left in?"
    if two < 0.65:
        return f"two biases give {two:.2f}, as they do where the directions differ: take their cosine to 1"
    return None
