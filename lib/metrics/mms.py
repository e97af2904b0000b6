"""Multimodal Monosemanticity Score (MMS) in linear time.

Source: Kaushik et al., arXiv 2601.20028, section 3.2. For latent k and modalities m and n, the mean judge cosine of
a sample of m and a sample of n, weighted by |a_i| |b_j|. With unit judge embeddings e_i and f_j:

    <sum |a_i| e_i, sum |b_j| f_j> / (sum |a_i| sum |b_j|)

Unlike in the Monosemanticity Score no minimum is subtracted, and a latent without a pair scores 0, which shows that
only one modality uses it. Cross-modal cosines of a CLIP-like judge are all within a narrow band, so read a score
against `chance`. All sums are float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.metrics.rows import blocks, check_paired, check_same_dictionary, check_same_space, finite_matrix, unit_rows
from lib.sae.codes import SparseCodes


@dataclass(frozen=True)
class MultimodalScore:
    """The Multimodal Monosemanticity Score of every latent."""

    score: np.ndarray
    """(width,) MMS; 0 for a latent that is not `paired`."""
    paired: np.ndarray
    """bool (width,): whether some pair of samples has a positive weight."""
    chance: float
    """Mean judge cosine over the same pairs, all with equal weight."""


def mms_across(
    first: SparseCodes, first_judge: np.ndarray, second: SparseCodes, second_judge: np.ndarray, *, chunk: int = 4096
) -> MultimodalScore:
    """MMS across two modalities, from codes of one dictionary and judge embeddings (n, d), (m, d) in a joint space.

    The modalities may have different numbers of rows, and they need not be matched pairs.

    Examples
    --------
    >>> judge, ids = np.eye(2), np.array(["a", "b"])
    >>> image = SparseCodes.from_matrix(ids, np.array([[1.0, 0, 0], [0, 1, 1]]))
    >>> text = SparseCodes.from_matrix(ids, np.array([[1.0, 1, 0], [0, 0, 0]]))
    >>> mms_across(image, judge, text, judge).score.tolist()  # shared, of different things, of one modality
    [1.0, 0.0, 0.0]
    """
    check_same_dictionary(first, second)
    a, b = _WeightedSums(first, first_judge, chunk), _WeightedSums(second, second_judge, chunk)
    check_same_space("first judge embeddings", a.weighted, "second judge embeddings", b.weighted)
    weight = a.total * b.total
    cosines = np.einsum("kd,kd->k", a.weighted, b.weighted)
    return MultimodalScore(
        score=np.divide(cosines, weight, out=np.zeros_like(weight), where=weight > 0).clip(-1, 1),
        paired=weight > 0,
        chance=float(a.judge @ b.judge / (len(first) * len(second))),
    )


class _WeightedSums:
    """Sums over samples of |a|, |a| e and e."""

    def __init__(self, codes: SparseCodes, judge: np.ndarray, chunk: int) -> None:
        judge = finite_matrix("judge embeddings", judge)
        csr = abs(codes.csr().astype(np.float64))
        check_paired("codes", csr, "judge embeddings", judge)
        self.total = csr.sum(axis=0)
        self.weighted, self.judge = np.zeros((codes.width, judge.shape[1])), np.zeros(judge.shape[1])
        for rows in blocks(len(judge), chunk):
            unit = unit_rows("judge embeddings", judge[rows])
            self.weighted += csr[rows].T @ unit
            self.judge += unit.sum(axis=0)
