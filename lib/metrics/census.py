"""Which modality uses which latent: counts by activity, modality score, and the balanced share of energy.

Sources: the census of Kaushik et al., arXiv 2601.20028, figure 3 (a latent belongs to a modality if it is active at
least once); modality score of Papadimitriou et al., COLM 2025 (arXiv 2504.11695): mu_i = E_1[z_i] / (E_1[z_i] +
E_2[z_i]). The census grows with the number of rows, and one stray activation counts as use, so read it next to the
balanced energy: the share of all mean activation that belongs to latents with 0.2 < mu < 0.8. Sums are float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.metrics.rows import check_same_dictionary
from lib.sae.codes import SparseCodes

BALANCED = (0.2, 0.8)
"""Modality scores between these two belong to latents that both modalities use."""
"""Modality scores between these two belong to latents that both modalities use."""


@dataclass(frozen=True)
class Census:
    """Which latents of a dictionary the rows of two modalities activate."""

    first: int
    """Number of latents that only the first modality activates."""
    second: int
    """Number of latents that only the second modality activates."""
    both: int
    """Number of latents that both modalities activate."""
    dead: int
    """Number of latents that neither modality activates."""
    energy: np.ndarray
    """(2, width) mean activation of each latent in each modality."""

    @property
    def modality_score(self) -> np.ndarray:
        """mu (width,): 1 for a latent of the first modality alone, 0 of the second alone, NaN for a dead one."""
        total = self.energy.sum(axis=0)
        return np.divide(self.energy[0], total, out=np.full_like(total, np.nan), where=total > 0)

    @property
    def balanced_energy(self) -> float:
        """Share of the mean activation in latents with a modality score within BALANCED; 0 if nothing is active."""
        low, high = BALANCED
        inside = (self.modality_score > low) & (self.modality_score < high)
        total = self.energy.sum()
        return float(self.energy[:, inside].sum() / total) if total > 0 else 0.0


def census(first: SparseCodes, second: SparseCodes) -> Census:
    """Count which latents of one dictionary the codes of two modalities use; the rows need not be pairs.

    Examples
    --------
    >>> ids = np.array(["a", "b"])
    >>> image = SparseCodes.from_matrix(ids, np.array([[1.0, 0, 2, 0], [0, 0, 1, 0]]))
    >>> text = SparseCodes.from_matrix(ids, np.array([[0, 1.0, 2, 0], [0, 0, 1, 0]]))
    >>> found = census(image, text)
    >>> found.first, found.second, found.both, found.dead
    (1, 1, 1, 1)
    """
    check_same_dictionary(first, second)
    uses = [np.bincount(codes.indices[codes.values > 0], minlength=codes.width) > 0 for codes in (first, second)]
    sums = [codes.csr().astype(np.float64).sum(axis=0) / len(codes) for codes in (first, second)]
    return Census(
        first=int((uses[0] & ~uses[1]).sum()),
        second=int((uses[1] & ~uses[0]).sum()),
        both=int((uses[0] & uses[1]).sum()),
        dead=int((~uses[0] & ~uses[1]).sum()),
        energy=np.stack(sums),
    )
