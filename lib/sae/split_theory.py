"""Why dictionaries split: what can be said exactly, as dictionaries and codes made by hand.

Kaushik et al. 2026 (arXiv 2601.20028), theorem 1, says that a dictionary whose latents are all used by one modality
only can be traded for one with a shared latent for each pair. The proof here is our own, as is the closed form of the
threshold, for the model of Lee et al. 2026 (arXiv 2606.29888): one concept with a direction in each modality, cosine
rho.

Costs are |x - x_hat|^2 + |y - y_hat|^2 + lambda sqrt(z_x^2 + z_y^2), for unit latents and amplitude 1. For another
amplitude a, divide lambda by a. All of it is float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lib.data.errors import CompanionError


@dataclass(frozen=True)
class Decomposition:
    """dictionary (width, d). first, second (n, width): non-negative codes of both members of n pairs."""

    dictionary: np.ndarray
    first: np.ndarray
    second: np.ndarray

    def objective(self, x: np.ndarray, y: np.ndarray, weight: float) -> float:
        """Mean cost of pairs x, y (n, d) under the group norm with lambda `weight`."""
        error = np.square(x - self.first @ self.dictionary).sum() + np.square(y - self.second @ self.dictionary).sum()
        return float(error + weight * np.hypot(self.first, self.second).sum()) / len(x)


def theorem_1(split: Decomposition, x: np.ndarray, y: np.ndarray) -> Decomposition:
    """From a split decomposition of unit pairs x, y (n, d) one of width + n latents in which all pairs share one.

    The new latents are u_i = (x_i + y_i) / |x_i + y_i|, the old ones change their sign: x_i = |x_i + y_i| u_i - y_i.
    Each member takes its own u_i and the code of the other member, so codes have one more active latent and
    <z_x, z_y> = |x_i + y_i|^2 = 2 + 2 <x_i, y_i>. What the split codes leave over, the new ones leave over swapped.
    """
    if ((split.first > 0).any(axis=0) & (split.second > 0).any(axis=0)).any():
        raise CompanionError("the decomposition shares a latent between modalities; theorem 1 starts from a split one")
    sums = x + y
    lengths = np.linalg.norm(sums, axis=1)
    if (lengths < 1e-12).any():
        raise CompanionError(f"pair {int(lengths.argmin())} has opposite members; theorem 1 asks for a positive cosine")
    shared = np.diag(lengths)
    return Decomposition(
        np.concatenate([-split.dictionary, sums / lengths[:, None]]),
        np.concatenate([split.second, shared], axis=1),
        np.concatenate([split.first, shared], axis=1),
    )


def split_cost(weight: ArrayLike) -> np.ndarray:
    """Least cost with a latent for each direction: each code shrinks to 1 - lambda / 2, 2 lambda - lambda^2 / 2.

    Above lambda = 2 nothing is worth its price and the cost is 2.
    """
    w = np.minimum(np.asarray(weight, np.float64), 2.0)
    return 2 * w - w**2 / 2


def merged_cost(weight: ArrayLike, rho: ArrayLike) -> np.ndarray:
    """Least cost with one latent on the bisector: 1 - rho + lambda sqrt(1 + rho) - lambda^2 / 4.

    Both members have the activation c - lambda / (2 sqrt 2) with c = sqrt((1 + rho) / 2); above lambda = 2 sqrt(1 +
    rho) it is 0 and the cost is 2.
    """
    rho = _cosine(rho)
    w = np.minimum(np.asarray(weight, np.float64), 2 * np.sqrt(1 + rho))
    return 1 - rho + w * np.sqrt(1 + rho) - w**2 / 4


def threshold(rho: ArrayLike) -> np.ndarray:
    """lambda*(rho): where merging the two directions becomes cheaper than keeping both.

    split_cost = merged_cost gives lambda^2 / 4 - b lambda + (1 - rho) = 0 with b = 2 - sqrt(1 + rho), and its smaller
    root is 2 (b - sqrt(b^2 - (1 - rho))); 0 for equal directions. Over all of rho in (0, 1] the root is real.
    """
    rho = _cosine(rho)
    b = 2 - np.sqrt(1 + rho)
    return 2 * (b - np.sqrt(np.maximum(b**2 - (1 - rho), 0)))


def heterogeneous_pair(rho: float, concepts: int, weight: float) -> tuple[Decomposition, Decomposition]:
    """The split and the merged dictionary of `concepts` orthogonal concepts, codes at their best for lambda `weight`.

    Sample i shows concept i alone. Directions are cos t u_i + sin t v_i and cos t u_i - sin t v_i, rho = cos 2t.
    """
    x, y = heterogeneous_rows(rho, concepts)
    bisector = np.eye(concepts, 2 * concepts)
    own, none = max(0.0, 1 - weight / 2) * np.eye(concepts), np.zeros((concepts, concepts))
    split = Decomposition(np.concatenate([x, y]), np.hstack([own, none]), np.hstack([none, own]))
    both = max(0.0, np.sqrt((1 + rho) / 2) - weight / (2 * np.sqrt(2))) * np.eye(concepts)
    return split, Decomposition(bisector, both, both)


def heterogeneous_rows(rho: float, concepts: int) -> tuple[np.ndarray, np.ndarray]:
    """One pair for each concept, (concepts, 2 concepts) both: the directions themselves."""
    cosine = float(_cosine(rho))
    along, across = np.sqrt((1 + cosine) / 2), np.sqrt((1 - cosine) / 2)
    u, v = np.eye(2 * concepts)[:concepts], np.eye(2 * concepts)[concepts:]
    return along * u + across * v, along * u - across * v


def gap_rows(amounts: np.ndarray, gap: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs that differ by the gap alone: sum_i c_i u_i +- gap g, (n, concepts + 1) each.

    amounts (n, concepts): non-negative, the same number of positive ones in every row, each row with sum 1.
    """
    active = (amounts > 0).sum(axis=1)
    if (amounts < 0).any() or len(set(active.tolist())) != 1 or not np.allclose(amounts.sum(axis=1), 1):
        raise CompanionError("amounts need rows of sum 1 with equally many positive entries and no negative one")
    offset = np.full((len(amounts), 1), gap)
    return np.hstack([amounts, offset]), np.hstack([amounts, -offset])


def gap_dictionaries(amounts: np.ndarray, gap: float) -> tuple[Decomposition, Decomposition]:
    """Two exact decompositions of `gap_rows`: composite latents u_i +- gap g that split, and shared latents u_i.

    The first needs no bias: amounts sum to 1, and so do the offsets. The second is one of the rows less a bias of
    +- gap g for each modality; with a single bias it would need one more active latent for the offset.
    """
    n, concepts = amounts.shape
    u, g = np.eye(concepts, concepts + 1), np.eye(concepts + 1)[-1]
    none = np.zeros((n, concepts))
    composite = Decomposition(
        np.concatenate([u + gap * g, u - gap * g]), np.hstack([amounts, none]), np.hstack([none, amounts])
    )
    return composite, Decomposition(u, amounts, amounts)


def _cosine(rho: ArrayLike) -> np.ndarray:
    values = np.asarray(rho, np.float64)
    if not ((values > 0) & (values <= 1)).all():
        raise CompanionError(f"a cosine of {values}; give one above 0 and at most 1")
    return values
