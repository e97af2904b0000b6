"""Which latents a linear probe relies on: bias discovery.

Kaushik et al., arXiv 2601.20028, figure 5: a probe with weights w on embeddings x = sum_j z_j d_j + b scores an example
by sum_j z_j (w . d_j) and a constant, so latent j adds (w . d_j) E[z_j] to the positive class on average. The latents
that add most name what the probe has learnt, whether wanted or not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.base.errors import CompanionError
from lib.metrics.rows import finite_matrix
from lib.sae.codes import SparseCodes

LISTED_LATENTS = 7
"""Number of latents that the paper lists."""


@dataclass(frozen=True)
class ProbeParts:
    """The score of a linear probe, split into the parts that latents add."""

    contribution: np.ndarray
    """(width,) share of each latent in the mean score of the positive examples, in units of the score."""

    def top(self, count: int = LISTED_LATENTS) -> np.ndarray:
        """Numbers of the latents that add most, the largest part first."""
        return np.argsort(-self.contribution, kind="stable")[:count]


def probe_parts(weights: np.ndarray, decoder: np.ndarray, codes: SparseCodes, positive: np.ndarray) -> ProbeParts:
    """Split the mean score of a linear probe on its positive examples into the parts of latents.

    weights (d,): the probe's. decoder (width, d), codes of n examples. positive: bool (n,), at least one True.
    """
    decoder, weights = finite_matrix("decoder rows", decoder).astype(np.float64), np.asarray(weights, np.float64)
    positive = np.asarray(positive)
    if weights.shape != decoder.shape[1:] or len(decoder) != codes.width:
        raise CompanionError(
            f"weights {weights.shape}, decoder {decoder.shape}, codes of {codes.width} latents; give those of one model"
        )
    if positive.shape != (len(codes),) or positive.dtype != bool or not positive.any():
        raise CompanionError(f"positive has shape {positive.shape} for {len(codes)} rows; give booleans, one true")
    mean = codes.csr().astype(np.float64)[positive].sum(axis=0) / positive.sum()
    return ProbeParts((decoder @ weights) * mean)
