"""Multimodal Monosemanticity Score (MMS) in linear time.

Source: Kaushik et al., arXiv 2601.20028, section 3.2. For latent k and modalities m and n, the mean judge cosine of
a sample of m and a sample of n, weighted by |a_i| |b_j|. With unit judge embeddings e_i and f_j:

    across modalities (all pairs):       <sum |a_i| e_i, sum |b_j| f_j> / (sum |a_i| sum |b_j|)
    within one modality (i differs j):   (|sum |a_i| e_i|^2 - sum a_i^2) / ((sum |a_i|)^2 - sum a_i^2)

Unlike the Monosemanticity Score no minimum is subtracted, and a latent without a pair scores 0: that is how a latent
that only one modality uses shows. Cross-modal cosines of a CLIP-like judge lie in a narrow band, so read a score
against `chance`. All sums are float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.data.errors import CompanionError
from lib.metrics.monosemanticity import RESOLUTION
from lib.metrics.rows import blocks, matrix, paired, same_space, unit_rows
from lib.sae.codes import SparseCodes


@dataclass(frozen=True)
class MultimodalScore:
    """score (width,): MMS, 0 where `paired` (width,) is False because no pair of samples has weight.

    chance: the mean judge cosine over the same pairs, all weighted alike.
    """

    score: np.ndarray
    paired: np.ndarray
    chance: float


def cross_score(
    first: SparseCodes, first_judge: np.ndarray, second: SparseCodes, second_judge: np.ndarray, *, chunk: int = 4096
) -> MultimodalScore:
    """MMS across two modalities: codes of the same dictionary and judge embeddings (n, d), (m, d) in a joint space.

    The modalities may have different numbers of rows, and they need not be matched pairs.
    """
    if first.width != second.width:
        raise CompanionError(f"codes of {first.width} and {second.width} latents; encode both with one dictionary")
    a, b = _WeightedSums(first, first_judge, chunk), _WeightedSums(second, second_judge, chunk)
    same_space("first judge embeddings", a.weighted, "second judge embeddings", b.weighted)
    weight = a.total * b.total
    cosines = np.einsum("kd,kd->k", a.weighted, b.weighted)
    return MultimodalScore(
        score=np.divide(cosines, weight, out=np.zeros_like(weight), where=weight > 0).clip(-1, 1),
        paired=weight > 0,
        chance=float(a.judge @ b.judge / (len(first) * len(second))),
    )


def within_score(codes: SparseCodes, judge: np.ndarray, *, chunk: int = 4096) -> MultimodalScore:
    """MMS within one modality: codes of n samples and judge embeddings (n, d); self pairs are left out."""
    if len(codes) < 2:
        raise CompanionError(f"the score needs pairs of samples and {len(codes)} came; give at least 2")
    sums = _WeightedSums(codes, judge, chunk)
    weight = sums.total**2 - sums.squares
    live = weight > RESOLUTION * sums.squares
    cosines = np.einsum("kd,kd->k", sums.weighted, sums.weighted) - sums.squares
    n = len(codes)
    return MultimodalScore(
        score=np.divide(cosines, weight, out=np.zeros_like(weight), where=live).clip(-1, 1),
        paired=live,
        chance=float((sums.judge @ sums.judge - n) / (n * (n - 1))),
    )


class _WeightedSums:
    """Sums over samples of |a|, a^2, |a| e and e."""

    def __init__(self, codes: SparseCodes, judge: np.ndarray, chunk: int) -> None:
        judge = matrix("judge embeddings", judge)
        csr = abs(codes.csr().astype(np.float64))
        paired("codes", csr, "judge embeddings", judge)
        self.total, self.squares = csr.sum(axis=0), csr.multiply(csr).sum(axis=0)
        self.weighted, self.judge = np.zeros((codes.width, judge.shape[1])), np.zeros(judge.shape[1])
        for rows in blocks(len(judge), chunk):
            unit = unit_rows("judge embeddings", judge[rows])
            self.weighted += csr[rows].T @ unit
            self.judge += unit.sum(axis=0)
