"""Inputs of the benchmarks: generated, not loaded, and the same for all contenders."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from lib.sae.codes import SparseCodes

ACTIVE = 8
"""Features in one row of a superposition, on average."""


def superposition(n: int, d: int, seed: int) -> np.ndarray:
    """float32 (n, d) of mean squared norm 1: few of 4 d unit directions in each row, and noise.

    Centred, so that a dictionary without a decoder bias is not handicapped.
    """
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((4 * d, d))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    codes = random_codes(n, 4 * d, ACTIVE, seed + 1).csr()
    mixed = codes @ features + 0.02 * rng.standard_normal((n, d))
    mixed -= mixed.mean(axis=0)
    return (mixed / np.sqrt(np.square(mixed).sum(axis=1).mean())).astype(np.float32)


def random_codes(n: int, width: int, k: int, seed: int) -> SparseCodes:
    """Codes with about k of `width` latents in each of n rows; some latents fire often, most of them seldom."""
    rng = np.random.default_rng(seed)
    latents = (width * rng.random((n, k)) ** 1.5).astype(np.int64)
    values = rng.exponential(size=(n, k)).astype(np.float32)
    matrix = sp.csr_array((values.ravel(), latents.ravel(), np.arange(0, n * k + 1, k)), shape=(n, width))
    return SparseCodes.from_matrix(np.arange(n).astype(str), matrix)


def judge(n: int, d: int, seed: int) -> np.ndarray:
    """float32 (n, d) vectors with a common part, as embeddings have."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((n, d)) + rng.standard_normal(d)).astype(np.float32)
