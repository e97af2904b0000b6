"""Which modality uses which latent: counts by activity, modality score, and the share of energy that is balanced.

Sources: the census of Kaushik et al., arXiv 2601.20028, figure 3 (a latent belongs to a modality if it is active at
least once); modality score of Papadimitriou et al., COLM 2025 (arXiv 2504.11695): mu_i = E_1[z_i] / (E_1[z_i] +
E_2[z_i]). The census grows with the number of rows, and one stray activation counts as use, so read it beside the
balanced energy: the share of all mean activation that lies in latents with 0.2 < mu < 0.8. Sums are float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.data.errors import CompanionError
from lib.sae.codes import SparseCodes

BALANCED = (0.2, 0.8)


@dataclass(frozen=True)
class Census:
    """Numbers of latents that are active in rows of the first modality only, of the second only, in both, in neither.

    energy (2, width): mean activation of each latent in each modality.
    """

    first: int
    second: int
    both: int
    dead: int
    energy: np.ndarray

    @property
    def modality_score(self) -> np.ndarray:
        """mu (width,): 1 is the first modality alone, 0 the second; NaN where the latent is dead."""
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
    """The census of two modalities' codes by one dictionary; the rows need not be pairs."""
    if first.width != second.width or min(len(first), len(second)) == 0:
        shapes = f"({len(first)}, {first.width}) and ({len(second)}, {second.width})"
        raise CompanionError(f"codes of shapes {shapes}; give rows of both modalities from one dictionary")
    uses = [np.bincount(codes.indices[codes.values > 0], minlength=codes.width) > 0 for codes in (first, second)]
    sums = [codes.csr().astype(np.float64).sum(axis=0) / len(codes) for codes in (first, second)]
    return Census(
        first=int((uses[0] & ~uses[1]).sum()),
        second=int((uses[1] & ~uses[0]).sum()),
        both=int((uses[0] & uses[1]).sum()),
        dead=int((~uses[0] & ~uses[1]).sum()),
        energy=np.stack(sums),
    )
