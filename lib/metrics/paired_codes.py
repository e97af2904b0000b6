"""How alike the two codes of a pair are, and which latents make them alike.

Sources: Shen et al. 2025 (arXiv 2510.21323) use the cosine of the two codes as a score (Eq. 10); with activations as
flat as VL-SAE's it is nearly the share of common latents. Jaccard index as in SPARC (arXiv 2507.06265). Bridge score of
Papadimitriou et al., COLM 2025 (arXiv 2504.11695): B = E_pairs[z_1 z_2^T] * (D D^T), entry by entry: latents i and j
are a bridge if they fire on the two members of a pair and point the same way.

Latents that fire on most rows make any two codes alike (appendix A.3 of Shen et al. finds such latents, too), so read
an agreement next to that of other pairs (`roll_pairs`), and with and without the frequent latents. Sums are float64.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from lib.base.errors import CompanionError
from lib.metrics.firing import firing
from lib.metrics.rows import check_same_pairs, unit_rows
from lib.sae.codes import SparseCodes

FREQUENT = 0.5
"""A latent that fires on more than this share of rows is frequent."""


def unit_codes(codes: SparseCodes) -> sp.csr_array:
    """The (n, width) codes with rows of norm 1 in float64; a row without active latents stays zero."""
    csr = codes.csr().astype(np.float64)
    norms = np.sqrt(csr.multiply(csr).sum(axis=1))
    return sp.csr_array(sp.diags_array(np.divide(1, norms, out=np.zeros_like(norms), where=norms > 0)) @ csr)


def pair_cosine(first: SparseCodes, second: SparseCodes) -> np.ndarray:
    """(n,) cosine of the codes of each pair; 0 where one of them has no active latent."""
    check_same_pairs(first, second)
    return unit_codes(first).multiply(unit_codes(second)).sum(axis=1)


def shared_share(first: SparseCodes, second: SparseCodes) -> np.ndarray:
    """(n,) share of the first member's active latents that the second one activates; 0 where the first has none."""
    active, shared, _ = _counts(first, second)
    return np.divide(shared, active, out=np.zeros_like(shared), where=active > 0)


def jaccard(first: SparseCodes, second: SparseCodes) -> np.ndarray:
    """(n,) active latents that the members of a pair share, over those that either has; 0 where neither has any."""
    in_first, shared, in_second = _counts(first, second)
    union = in_first + in_second - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _counts(first: SparseCodes, second: SparseCodes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n,) numbers of active latents of each pair: in the first member, in both, in the second."""
    check_same_pairs(first, second)
    a, b = (sp.csr_array(codes.csr() > 0).astype(np.float64) for codes in (first, second))
    return a.sum(axis=1), a.multiply(b).sum(axis=1), b.sum(axis=1)


def roll_pairs(codes: SparseCodes) -> SparseCodes:
    """Move the codes by one row, the last to the front, so that row i of the other modality meets a stranger's code."""
    if len(codes) < 2:
        raise CompanionError(f"codes of {len(codes)} pairs; pairs of strangers need at least 2")
    return SparseCodes.from_matrix(codes.ids, codes.csr()[np.roll(np.arange(len(codes)), 1)])


def frequent_latents(first: SparseCodes, second: SparseCodes, share: float = FREQUENT) -> np.ndarray:
    """bool (width,): latents that fire on more than a share of the rows of either modality."""
    check_same_pairs(first, second)
    return np.maximum(firing(first).rate, firing(second).rate) > share


def silence_latents(codes: SparseCodes, latents: np.ndarray) -> SparseCodes:
    """Set the latents of a mask, bool (width,), to zero in all codes."""
    kept = sp.diags_array((~latents).astype(codes.values.dtype))
    return SparseCodes.from_matrix(codes.ids, codes.csr() @ kept)


def keep_common_latents(first: SparseCodes, second: SparseCodes) -> tuple[SparseCodes, SparseCodes]:
    """Reduce both codes of each pair to the latents that both members activate."""
    check_same_pairs(first, second)
    a, b = first.csr(), second.csr()
    return (
        SparseCodes.from_matrix(first.ids, a.multiply(b != 0)),
        SparseCodes.from_matrix(second.ids, b.multiply(a != 0)),
    )


def bridge_score(first: SparseCodes, second: SparseCodes, decoder: np.ndarray) -> sp.csr_array:
    """(width, width) bridge scores, sparse: row i a latent of the first modality, column j one of the second.

    decoder (width, d): its rows are scaled to unit norm here. Only pairs of latents that ever fire together are stored.
    """
    check_same_pairs(first, second)
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
