"""Controlled vectors: paired embeddings whose concepts, directions and modality gap are chosen, with the truth.

Each pair shows `SHARED_ACTIVE` shared concepts, with the same amplitude in both members, and one concept of its own in
each. A shared concept has a direction in each modality, with cosine rho; the gap adds +-g to all members of a modality.
Rows are then normalised, as embeddings are. Source of the model: Lee et al., ICML 2026 (arXiv 2606.29888).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lib.data.errors import CompanionError

DIMS = 32
SHARED, PRIVATE = 32, 16
SHARED_ACTIVE = 3
NOISE = 0.02


@dataclass(frozen=True)
class Controlled:
    """image, text: (n, DIMS) float32, unit norm. amounts (n, SHARED): amplitudes of the shared concepts, the truth.

    prompts (SHARED, DIMS): each concept alone as a text, the gap with it. identity: plain JSON that decides it all.
    """

    image: np.ndarray
    text: np.ndarray
    amounts: np.ndarray
    prompts: np.ndarray
    identity: dict[str, Any]

    @property
    def strongest(self) -> np.ndarray:
        """(n,) the concept with the largest amplitude."""
        return self.amounts.argmax(axis=1)


def controlled(rho: float, n: int, seed: int, *, part: int = 0, gap: float = 1.0) -> Controlled:
    """n pairs. rho: cosine of a concept's two directions, above 0. gap: length of the offset, concepts being about 1.

    seed decides directions and gap; `part` draws other pairs of the same world.
    """
    if not 0 < rho <= 1:
        raise CompanionError(f"rho is {rho}; give a cosine above 0 and at most 1")
    if n < 1 or gap < 0:
        raise CompanionError(f"{n} pairs with a gap of {gap}; give at least one pair and a gap of 0 or more")
    world, rng = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1, part])
    first, second = _directions(world, rho)
    own = _unit(world.standard_normal((2, PRIVATE, DIMS)))
    offset = gap * _unit(world.standard_normal(DIMS))
    amounts = _amounts(rng, n, SHARED, SHARED_ACTIVE)
    members: list[np.ndarray] = []
    for directions, private, sign in ((first, own[0], 1), (second, own[1], -1)):
        rows = amounts @ directions + _amounts(rng, n, PRIVATE, 1) @ private + sign * offset
        members.append(_unit(rows + NOISE * rng.standard_normal(rows.shape)).astype(np.float32))
    identity = {"controlled": 1, "rho": rho, "n": n, "seed": seed, "part": part, "gap": gap}
    image, text = members
    return Controlled(image, text, amounts, _unit(second - offset).astype(np.float32), identity)


def _directions(rng: np.random.Generator, rho: float) -> tuple[np.ndarray, np.ndarray]:
    """(SHARED, DIMS) each: random unit directions turned apart by the same angle, to a cosine of rho."""
    middle = _unit(rng.standard_normal((SHARED, DIMS)))
    across = rng.standard_normal((SHARED, DIMS))
    across = _unit(across - (across * middle).sum(axis=1, keepdims=True) * middle)
    along, apart = np.sqrt((1 + rho) / 2), np.sqrt((1 - rho) / 2)
    return along * middle + apart * across, along * middle - apart * across


def _amounts(rng: np.random.Generator, n: int, concepts: int, active: int) -> np.ndarray:
    """(n, concepts) with `active` of them between 0.5 and 1.5 in each row, the rest 0."""
    chosen = rng.random((n, concepts)).argpartition(active, axis=1)[:, :active]
    amounts = np.zeros((n, concepts))
    np.put_along_axis(amounts, chosen, rng.uniform(0.5, 1.5, (n, active)), axis=1)
    return amounts


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)
