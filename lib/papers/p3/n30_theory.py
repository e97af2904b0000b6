"""Paper 3: exact results on why dictionaries split, with dictionaries and codes made by hand.

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

from lib.base.errors import CompanionError


@dataclass(frozen=True)
class Decomposition:
    """A dictionary and codes of n pairs."""

    dictionary: np.ndarray
    """(width, d) decoder rows."""
    first: np.ndarray
    """(n, width) non-negative codes of the pairs' first members."""
    second: np.ndarray
    """(n, width) non-negative codes of their second members."""

    def objective(self, x: np.ndarray, y: np.ndarray, weight: float) -> float:
        """Mean cost of pairs x, y (n, d) under the group norm with lambda `weight`."""
        error = np.square(x - self.first @ self.dictionary).sum() + np.square(y - self.second @ self.dictionary).sum()
        return float(error + weight * np.hypot(self.first, self.second).sum()) / len(x)


def theorem_1(split: Decomposition, x: np.ndarray, y: np.ndarray) -> Decomposition:
    """Turn a split decomposition of unit pairs x, y (n, d) into one of width + n latents in which all pairs share one.

    The new latents are u_i = (x_i + y_i) / |x_i + y_i|, the old ones change their sign: x_i = |x_i + y_i| u_i - y_i.
    Each member takes its own u_i and the code of the other member, so codes have one more active latent and
    <z_x, z_y> = |x_i + y_i|^2 = 2 + 2 <x_i, y_i>. The residuals are those of the split codes, with members swapped.
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


def threshold(rho: ArrayLike) -> np.ndarray:
    """The weight lambda*(rho) above which merging the two directions is cheaper than keeping both.

    The least costs are 2 lambda - lambda^2 / 2 and 1 - rho + lambda sqrt(1 + rho) - lambda^2 / 4. They are equal where
    lambda^2 / 4 - b lambda + (1 - rho) = 0 with b = 2 - sqrt(1 + rho), and the smaller root is
    2 (b - sqrt(b^2 - (1 - rho))); 0 for equal directions. For all rho in (0, 1] the root is real.
    """
    rho = _cosine(rho)
    b = 2 - np.sqrt(1 + rho)
    return 2 * (b - np.sqrt(np.maximum(b**2 - (1 - rho), 0)))


def heterogeneous_pair(rho: float, concepts: int, weight: float) -> tuple[Decomposition, Decomposition]:
    """The split and the merged dictionary of `concepts` orthogonal concepts, with the best codes for lambda `weight`.

    Sample i shows concept i alone. Directions are cos t u_i + sin t v_i and cos t u_i - sin t v_i, rho = cos 2t.
    """
    x, y = heterogeneous_rows(rho, concepts)
    bisector = np.eye(concepts, 2 * concepts)
    own, none = max(0.0, 1 - weight / 2) * np.eye(concepts), np.zeros((concepts, concepts))
    split = Decomposition(np.concatenate([x, y]), np.hstack([own, none]), np.hstack([none, own]))
    both = max(0.0, np.sqrt((1 + rho) / 2) - weight / (2 * np.sqrt(2))) * np.eye(concepts)
    return split, Decomposition(bisector, both, both)


def heterogeneous_rows(rho: float, concepts: int) -> tuple[np.ndarray, np.ndarray]:
    """One pair per concept, (concepts, 2 concepts) each: the directions themselves."""
    cosine = float(_cosine(rho))
    along, across = np.sqrt((1 + cosine) / 2), np.sqrt((1 - cosine) / 2)
    u, v = np.eye(2 * concepts)[:concepts], np.eye(2 * concepts)[concepts:]
    return along * u + across * v, along * u - across * v


def _cosine(rho: ArrayLike) -> np.ndarray:
    values = np.asarray(rho, np.float64)
    if not ((values > 0) & (values <= 1)).all():
        raise CompanionError(f"a cosine of {values}; give one above 0 and at most 1")
    return values
