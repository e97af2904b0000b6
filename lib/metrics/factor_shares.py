"""Whether latents are concepts: how much of a latent's variance each factor of the ground truth explains.

A latent that is one value of one factor owes all of its variance to that factor. One that fires for a conjunction (a
red thing high up) owes it to several, and no mask over latents can keep "red" and drop "high up".
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from lib.base.errors import CompanionError
from lib.sae.codes import SparseCodes


def factor_shares(codes: SparseCodes, labels: np.ndarray) -> np.ndarray:
    """Share of the variance of each latent that the values of each factor explain, (width, factors), from 0 to 1.

    labels: integers (n, factors), with any number of values; "none" has its own value. A latent that never changes has
    shares of 0.
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or len(labels) != len(codes):
        raise CompanionError(f"labels of shape {labels.shape} for {len(codes)} rows; give a row of factors for each")
    csr, n = codes.csr().astype(np.float64), len(codes)
    mean = np.asarray(csr.mean(axis=0)).ravel()
    total = np.asarray(csr.multiply(csr).mean(axis=0)).ravel() - mean**2
    shares = np.zeros((codes.width, labels.shape[1]))
    for factor, column in enumerate(labels.T):
        _, value = np.unique(column, return_inverse=True)
        members = sp.csr_array((np.ones(n), (value, np.arange(n))))
        count = np.asarray(members.sum(axis=1)).ravel()
        means = (members @ csr).toarray() / count[:, None]
        between = (count[:, None] * (means - mean) ** 2).sum(axis=0) / n
        np.divide(between, total, out=shares[:, factor], where=total > 1e-12)
    return shares


def best_factor_share(shares: np.ndarray, rates: np.ndarray) -> float:
    """Share of the best factor in all that factors explain, averaged over latents weighted by how often they fire.

    shares: (width, factors), from `factor_shares`. rates: (width,) share of rows in which each latent is active. The
    result is 1 where every latent belongs to one factor.
    """
    explained = shares.sum(axis=1)
    used = (explained > 0) & (rates > 0)
    if not used.any():
        raise CompanionError("no factor explains a latent that fires; give more rows or another dictionary")
    return float(np.average(shares[used].max(axis=1) / explained[used], weights=rates[used]))
