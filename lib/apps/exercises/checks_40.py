"""Checks of the exercises of notebook 40, captions that decide what stays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def edited_score(answer: Callable[..., float]) -> str | None:
    """Asks for the score of one pair."""
    rng = np.random.default_rng(0)
    z, mask, D, residual, t = rng.random(6), rng.random(6), rng.standard_normal((6, 4)), rng.random(4), rng.random(4)
    t /= np.linalg.norm(t)
    found, edited = float(answer(z, mask, D, residual, t)), (z * mask) @ D + residual
    if np.isclose(found, edited @ t):
        return "divide by the length of the edited picture: only the norm depends on the pair"
    bare = (z * mask) @ D
    if np.isclose(found, bare @ t / np.linalg.norm(bare)):
        return "the residual is gone: add it after decoding"
    right = edited @ t / np.linalg.norm(edited)
    return None if np.isclose(found, right) else f"a random pair scores {right:.3f}, and you give {found:.3f}"


def query_of(answer: Callable[..., np.ndarray]) -> str | None:
    """Asks for one vector with an entry for each latent."""
    rng = np.random.default_rng(0)
    mask, D, t = rng.random(6), rng.standard_normal((6, 4)), rng.standard_normal(4)
    u = np.asarray(answer(mask, D, t))
    if u.shape != (6,):
        return f"u has the shape {u.shape}, not one entry for each of 6 latents"
    for z in rng.random((3, 6)):
        if not np.isclose(z @ u, ((z * mask) @ D) @ t):
            return "for some code z the product of z and u is not that of the edited picture and the caption"
    return None


def too_few_facts(answer: Callable[..., tuple[float, float]]) -> str | None:
    """Asks for two shares, of the pictures whose own caption is first and of those whose first caption is true."""
    exact, true = (float(one) for one in answer())
    if max(exact, true) > 1:
        return "give shares between 0 and 1, not percent"
    if true < 0.95:
        return (
            f"{true:.2f} of the first captions are true: is the edit perfect, and is `holds` read captions by pictures?"
        )
    if exact > 0.3:
        return f"{exact:.2f} of the own captions are first: compare each picture with all captions, two facts each"
    return None
