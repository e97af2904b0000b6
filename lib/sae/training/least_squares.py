"""The best decoders for a given encoder: how well a dictionary could reconstruct if only its decoders were trained."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch

from lib.encoders.embeddings import Embeddings
from lib.sae.models.two_towers import TOWERS, TwoTowers

RIDGE = 1e-4
"""Share of the mean square of the codes' latents, added to their Gram matrix so that rare latents have bounded rows."""


def fit_decoders(sae: TwoTowers, embeddings: Embeddings) -> None:
    """Set the decoders and their biases to least squares on the codes of these rows; one decoder serves both towers."""
    codes = [sae.codes(embeddings, tower).csr().astype(np.float64) for tower in TOWERS]
    rows = [embeddings.tower(tower).astype(np.float64) for tower in TOWERS]
    if sae.decoders == 1:
        codes, rows = [sp.vstack(codes, format="csr")], [np.concatenate(rows)]
    with torch.no_grad():
        for decoder, (h, x) in enumerate(zip(codes, rows, strict=True)):
            weight, bias = least_squares(sp.csr_array(h), x)
            sae.W_dec[decoder], sae.b_dec[decoder] = torch.from_numpy(weight), torch.from_numpy(bias)


def least_squares(codes: sp.csr_array, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find weights (width, d) and bias (d,) for which codes (n, width) @ weights + bias is nearest to x (n, d)."""
    code_mean, mean = np.asarray(codes.mean(axis=0)), x.mean(axis=0)
    gram = (codes.T @ codes).toarray() - len(x) * np.outer(code_mean, code_mean)
    gram[np.diag_indices_from(gram)] += RIDGE * np.trace(gram) / len(gram)
    weight = np.linalg.solve(gram, codes.T @ x - len(x) * np.outer(code_mean, mean))
    return weight, mean - code_mean @ weight
