"""Make two dictionaries comparable after training, by the Hungarian assignment of their latents.

This is the baseline of Lee et al., ICML 2026 (arXiv 2606.29888): one dictionary per modality, each trained alone, whose
living latents are then matched by the correlation of their codes over pairs. No gradient ever saw a pair.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from scipy.optimize import linear_sum_assignment

from lib.base.errors import CompanionError
from lib.sae.base import SAE, Dictionary, one_tower
from lib.sae.codes import SparseCodes


@dataclass(frozen=True)
class Matching:
    """An assignment of the latents of a second dictionary to those of a first."""

    order: np.ndarray
    """The assignment, (width,): latent `order[i]` of the second dictionary stands for latent i of the first."""
    correlation: np.ndarray
    """The correlation of the two over the pairs used for matching, (width,); 0 where one of them is dead."""

    @torch.no_grad()
    def apply(self, second: Dictionary) -> SAE:
        """Reorder the latents of the second dictionary as in the first; both must be one-tower."""
        second = one_tower(second, "matching")
        if second.width != len(self.order):
            raise CompanionError(f"a dictionary of {second.width} latents for a matching of {len(self.order)}")
        one = copy.deepcopy(second)
        for name in ("encoder", "W_dec", "b_enc"):
            getattr(one, name).copy_(getattr(second, name)[torch.from_numpy(self.order)])
        return one


def match_latents(first: SparseCodes, second: SparseCodes) -> Matching:
    """Find the one-to-one assignment with the largest summed correlation over pairs; row i of both codes is pair i."""
    if first.width != second.width or len(first) != len(second) or len(first) == 0:
        shapes = f"({len(first)}, {first.width}) and ({len(second)}, {second.width})"
        raise CompanionError(f"codes of shapes {shapes}; give the same pairs and dictionaries of one width")
    correlation = _correlation(first, second)
    rows, columns = linear_sum_assignment(correlation, maximize=True)
    return Matching(columns, correlation[rows, columns])


def _correlation(first: SparseCodes, second: SparseCodes) -> np.ndarray:
    """Pearson correlations in float64, (width, width); 0 for a latent that does not vary."""
    n = len(first)
    a, b = first.csr().astype(np.float64), second.csr().astype(np.float64)
    mean_a, mean_b = a.sum(axis=0) / n, b.sum(axis=0) / n
    covariance = (a.T @ b).toarray() / n - np.outer(mean_a, mean_b)
    spread = np.outer(_deviation(a, mean_a), _deviation(b, mean_b))
    return np.divide(covariance, spread, out=np.zeros_like(covariance), where=spread > 1e-12)


def _deviation(codes: sp.csr_array, mean: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(codes.multiply(codes).sum(axis=0) / codes.shape[0] - mean**2, 0))
