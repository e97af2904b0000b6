"""Concept steering across modalities: find a concept's latent in one modality, raise it in the other.

Kaushik et al., arXiv 2601.20028, appendix A.5, in the protocol of Lee et al., ICML 2026 (arXiv 2606.29888): the latent
is the one whose mean activation differs most between texts with and without the concept; a multiple of it is added to
the code of the other modality, which is decoded and ranks a gallery. Only a latent that both modalities share can move
it.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from lib.data.errors import CompanionError
from lib.sae.codes import SparseCodes


def concept_latent(codes: SparseCodes, shows: np.ndarray) -> int:
    """The latent with the largest mean activation in rows that show a concept less the mean in the others.

    shows: bool (n,), both answers among them.
    """
    shows = np.asarray(shows)
    if shows.shape != (len(codes),) or shows.dtype != bool or shows.all() or not shows.any():
        raise CompanionError(f"shows has shape {shows.shape} for {len(codes)} rows; give booleans, both among them")
    csr = codes.csr().astype(np.float64)
    return int((csr[shows].sum(axis=0) / shows.sum() - csr[~shows].sum(axis=0) / (~shows).sum()).argmax())


def raised(codes: SparseCodes, latent: int, amount: float) -> SparseCodes:
    """The codes with `amount` added to one latent of every row; decoder rows being unit, it is in embedding units."""
    if latent not in range(codes.width):
        raise CompanionError(f"no latent {latent}: these codes have {codes.width}, 0 to {codes.width - 1}")
    if not np.isfinite(amount):
        raise CompanionError(f"an amount of {amount}; give a finite number")
    n = len(codes)
    column = sp.csr_array((np.full(n, amount), (np.arange(n), np.full(n, latent))), shape=(n, codes.width))
    return SparseCodes.from_matrix(codes.ids, codes.csr() + column)
