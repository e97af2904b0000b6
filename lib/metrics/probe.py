"""What a linear probe looks at, told in latents: bias discovery.

Kaushik et al., arXiv 2601.20028, figure 5: a probe with weights w on embeddings x = sum_j z_j d_j + b scores an example
by sum_j z_j (w . d_j) and a constant, so latent j adds (w . d_j) E[z_j] to the positive class on average. The latents
that add most name what the probe has learnt, wanted or not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.data.errors import CompanionError
from lib.metrics.rows import matrix
from lib.sae.codes import SparseCodes

TOP = 7
"""Latents that the paper lists."""


@dataclass(frozen=True)
class ProbeParts:
    """contribution (width,): what each latent adds to the mean score of the positive examples, in units of the
    score."""

    contribution: np.ndarray

    def top(self, count: int = TOP) -> np.ndarray:
        """Numbers of the latents that add most, the largest first."""
        return np.argsort(-self.contribution, kind="stable")[:count]


def probe_parts(weights: np.ndarray, decoder: np.ndarray, codes: SparseCodes, positive: np.ndarray) -> ProbeParts:
    """weights (d,) of a linear probe, decoder (width, d), codes of n examples, positive: bool (n,), at least one."""
    decoder, weights = matrix("decoder rows", decoder).astype(np.float64), np.asarray(weights, np.float64)
    positive = np.asarray(positive)
    if weights.shape != decoder.shape[1:] or len(decoder) != codes.width:
        raise CompanionError(
            f"weights {weights.shape}, decoder {decoder.shape}, codes of {codes.width} latents; give those of one model"
        )
    if positive.shape != (len(codes),) or positive.dtype != bool or not positive.any():
        raise CompanionError(f"positive has shape {positive.shape} for {len(codes)} rows; give booleans, one true")
    mean = codes.csr().astype(np.float64)[positive].sum(axis=0) / positive.sum()
    return ProbeParts((decoder @ weights) * mean)
