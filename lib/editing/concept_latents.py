"""Concept steering across modalities: find a concept's latent in one modality, raise it in the other.

Source: Kaushik et al., arXiv 2601.20028, appendix A.5, in the protocol of Lee et al., ICML 2026 (arXiv 2606.29888).
The latent is the one whose mean activation differs most between texts with and without the concept. A multiple of it is
added to the code of the other modality, which is decoded and ranks a gallery. Only a latent that both modalities share
can change the ranking.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from lib.base.errors import CompanionError
from lib.sae.codes import SparseCodes


def find_concept_latent(codes: SparseCodes, shows: np.ndarray) -> int:
    """Find the latent whose mean activation in rows that show a concept exceeds that in the others most.

    shows: bool (n,), both answers among them.
    """
    shows = np.asarray(shows)
    if shows.shape != (len(codes),) or shows.dtype != bool or shows.all() or not shows.any():
        raise CompanionError(f"shows has shape {shows.shape} for {len(codes)} rows; give booleans, both among them")
    csr = codes.csr().astype(np.float64)
    return int((csr[shows].sum(axis=0) / shows.sum() - csr[~shows].sum(axis=0) / (~shows).sum()).argmax())


def raise_latent(codes: SparseCodes, latent: int, amount: float) -> SparseCodes:
    """Add `amount` to one latent of every row; since decoder rows have unit norm, it is in units of the embedding."""
    if latent not in range(codes.width):
        raise CompanionError(f"no latent {latent}: these codes have {codes.width}, 0 to {codes.width - 1}")
    if not np.isfinite(amount):
        raise CompanionError(f"an amount of {amount}; give a finite number")
    n = len(codes)
    column = sp.csr_array((np.full(n, amount), (np.arange(n), np.full(n, latent))), shape=(n, codes.width))
    return SparseCodes.from_matrix(codes.ids, codes.csr() + column)
