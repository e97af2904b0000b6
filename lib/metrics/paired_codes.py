"""How alike the codes of a pair are: cosine, Jaccard index of the active latents, and the bridge score.

Sources: Jaccard index as in SPARC (arXiv 2507.06265); bridge score of Papadimitriou et al., COLM 2025 (arXiv
2504.11695): B = E_pairs[z_1 z_2^T] * (D D^T), entry by entry: latents i and j are a bridge if they fire on the two
members of a pair and point the same way. Sums are float64.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from lib.data.errors import CompanionError
from lib.metrics.rows import unit_rows
from lib.sae.codes import SparseCodes


def unit_codes(codes: SparseCodes) -> sp.csr_array:
    """The (n, width) codes with rows of norm 1 in float64; a row without active latents stays zero."""
    csr = codes.csr().astype(np.float64)
    norms = np.sqrt(csr.multiply(csr).sum(axis=1))
    return sp.csr_array(sp.diags_array(np.divide(1, norms, out=np.zeros_like(norms), where=norms > 0)) @ csr)


def pair_cosine(first: SparseCodes, second: SparseCodes) -> np.ndarray:
    """(n,) cosine of the codes of each pair; 0 where one of them has no active latent."""
    _paired(first, second)
    return unit_codes(first).multiply(unit_codes(second)).sum(axis=1)


def jaccard(first: SparseCodes, second: SparseCodes) -> np.ndarray:
    """(n,) active latents that the members of a pair share, over those that either has; 0 where neither has any."""
    _paired(first, second)
    a, b = (sp.csr_array(codes.csr() > 0).astype(np.float64) for codes in (first, second))
    shared = a.multiply(b).sum(axis=1)
    union = a.sum(axis=1) + b.sum(axis=1) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def bridge_score(first: SparseCodes, second: SparseCodes, decoder: np.ndarray) -> sp.csr_array:
    """(width, width) bridge scores, sparse: row i a latent of the first modality, column j one of the second.

    decoder (width, d): its rows are scaled to unit norm here. Only pairs of latents that ever fire together are stored.
    """
    _paired(first, second)
    unit = unit_rows("decoder rows", decoder)
    if len(unit) != first.width:
        raise CompanionError(f"a decoder of {len(unit)} rows for codes of {first.width} latents; give their own")
    together = sp.coo_array(first.csr().astype(np.float64).T @ second.csr().astype(np.float64)) / len(first)
    alike = np.einsum("kd,kd->k", unit[together.row], unit[together.col])
    return sp.csr_array((together.data * alike, (together.row, together.col)), shape=together.shape)


def diagonal_share(bridge: sp.csr_array) -> float:
    """Share of the positive bridge score that a latent has with itself: 1 is a dictionary without any split."""
    total = bridge.data[bridge.data > 0].sum()
    return float(np.maximum(bridge.diagonal(), 0).sum() / total) if total > 0 else 0.0


def _paired(first: SparseCodes, second: SparseCodes) -> None:
    if first.width != second.width or len(first) != len(second) or len(first) == 0:
        shapes = f"({len(first)}, {first.width}) and ({len(second)}, {second.width})"
        raise CompanionError(f"codes of shapes {shapes}; give both members of the same pairs from one dictionary")
