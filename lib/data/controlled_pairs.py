"""Controlled pairs: paired embeddings whose concepts, directions and modality gap are chosen, together with the truth.

Each pair shows `SHARED_ACTIVE` shared concepts, with the same amplitude in both members, and each member shows one
private concept. A shared concept has a direction in each modality, and rho is the cosine of the two. The gap is an
offset that is added to every image and subtracted from every text. Rows are then scaled to unit norm, as embeddings
are. Source of the model: Lee et al., ICML 2026 (arXiv 2606.29888).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lib.base.errors import CompanionError
from lib.base.vectors import normalise_rows

DIMS = 32
"""The dimension of the embeddings."""

SHARED, PRIVATE = 32, 16
"""The numbers of shared concepts, and of private ones in each modality."""

SHARED_ACTIVE = 3
"""The number of shared concepts in each pair."""

_NOISE = 0.02
"""The standard deviation of the noise in every entry, where concepts have amplitudes of about 1."""


@dataclass(frozen=True)
class Controlled:
    """Controlled pairs of n images and n texts, and the concepts in them."""

    image: np.ndarray
    """Embeddings of the images, float32 (n, DIMS), unit norm."""
    text: np.ndarray
    """Embeddings of the texts, float32 (n, DIMS), unit norm."""
    amounts: np.ndarray
    """The truth: amplitudes of the shared concepts, (n, SHARED)."""
    prompts: np.ndarray
    """Texts of one shared concept each, with the gap, float32 (SHARED, DIMS), unit norm."""
    identity: dict[str, Any]
    """Plain JSON that decides all of these."""

    @property
    def strongest(self) -> np.ndarray:
        """The number of the shared concept with the largest amplitude in each pair, (n,)."""
        return self.amounts.argmax(axis=1)


def controlled(rho: float, n: int, seed: int, *, part: int = 0, gap: float = 1.0) -> Controlled:
    """Draw n controlled pairs.

    rho: the cosine of a concept's two directions, above 0. seed: decides the directions of the concepts and of the gap.
    part: another number gives other pairs with the same directions. gap: the length of the offset, where concepts have
    amplitudes of about 1.
    """
    if not 0 < rho <= 1:
        raise CompanionError(f"rho is {rho}; give a cosine above 0 and at most 1")
    if n < 1 or gap < 0:
        raise CompanionError(f"{n} pairs with a gap of {gap}; give at least one pair and a gap of 0 or more")
    world, rng = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1, part])
    first, second = _directions(world, rho)
    own = normalise_rows("directions", world.standard_normal((2, PRIVATE, DIMS)))
    offset = gap * normalise_rows("directions", world.standard_normal(DIMS))
    amounts = _amounts(rng, n, SHARED, SHARED_ACTIVE)
    members: list[np.ndarray] = []
    for directions, private, sign in ((first, own[0], 1), (second, own[1], -1)):
        rows = amounts @ directions + _amounts(rng, n, PRIVATE, 1) @ private + sign * offset
        members.append(normalise_rows("embeddings", rows + _NOISE * rng.standard_normal(rows.shape)).astype(np.float32))
    identity = {"controlled": 1, "rho": rho, "n": n, "seed": seed, "part": part, "gap": gap}
    image, text = members
    return Controlled(image, text, amounts, normalise_rows("prompts", second - offset).astype(np.float32), identity)


def _directions(rng: np.random.Generator, rho: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw two sets of unit directions, (SHARED, DIMS) each; each direction has a cosine of rho to its counterpart."""
    middle = normalise_rows("directions", rng.standard_normal((SHARED, DIMS)))
    across = rng.standard_normal((SHARED, DIMS))
    across = normalise_rows("directions", across - (across * middle).sum(axis=1, keepdims=True) * middle)
    along, apart = np.sqrt((1 + rho) / 2), np.sqrt((1 - rho) / 2)
    return along * middle + apart * across, along * middle - apart * across


def _amounts(rng: np.random.Generator, n: int, concepts: int, active: int) -> np.ndarray:
    """Draw amplitudes (n, concepts): in each row `active` of them are between 0.5 and 1.5, and the others are 0."""
    chosen = rng.random((n, concepts)).argpartition(active, axis=1)[:, :active]
    amounts = np.zeros((n, concepts))
    np.put_along_axis(amounts, chosen, rng.uniform(0.5, 1.5, (n, active)), axis=1)
    return amounts
