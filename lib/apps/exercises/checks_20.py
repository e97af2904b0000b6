"""Checks of the exercises of notebook 20, VL-SAE."""

from __future__ import annotations

from collections.abc import Callable


def nearest_are_most_aligned(answer: Callable[..., bool]) -> str | None:
    """Asks whether the two selections are equal, True or False."""
    if not bool(answer()):
        return "the selections are equal: normalise both sides, take the smallest distances, and sort both by latent"
    return None


def lipschitz(answer: Callable[..., float]) -> str | None:
    """Asks for the largest ratio, one number."""
    ratio = float(answer())
    if ratio > 1.01:
        return f"the ratio is {ratio:.2f}: compare unit vectors, and latents that both rows keep"
    if ratio < 0.3:
        return f"the ratio is {ratio:.2f}: take the largest over pairs and latents, not a mean"
    return None
