"""Shares of variance by factor, against a loop over latents, and on latents whose factors are known."""

from __future__ import annotations

import numpy as np
import pytest

from lib.base.errors import CompanionError
from lib.metrics.factor_shares import best_factor_share, factor_shares
from lib.sae.codes import SparseCodes


def codes_of(dense: np.ndarray) -> SparseCodes:
    import scipy.sparse as sp

    return SparseCodes.from_matrix(np.arange(len(dense)).astype(str), sp.csr_array(dense))


def test_shares_by_a_loop() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(-1, 3, size=(200, 2))
    dense = np.where(rng.random((200, 5)) < 0.4, rng.random((200, 5)) + (labels[:, :1] == 1), 0).astype(np.float32)
    dense[:, 4] = 0
    found = factor_shares(codes_of(dense), labels)
    for latent in range(4):
        z = dense[:, latent].astype(float)
        for factor in range(2):
            between = sum(
                (labels[:, factor] == value).mean() * (z[labels[:, factor] == value].mean() - z.mean()) ** 2
                for value in range(-1, 3)
            )
            assert found[latent, factor] == pytest.approx(between / z.var())
    assert (found[4] == 0).all()


def test_a_concept_has_one_factor_and_a_conjunction_several() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, size=(4000, 2))
    concept, both = labels[:, 0] == 1, (labels == 1).all(axis=1)
    shares = factor_shares(codes_of(np.column_stack([concept, both]).astype(np.float32)), labels)
    assert shares[0] == pytest.approx([1, 0], abs=0.01) and shares[1] == pytest.approx([1 / 3, 1 / 3], abs=0.03)
    assert best_factor_share(shares, np.array([1.0, 0.0])) > 0.99
    assert best_factor_share(shares, np.array([0.0, 1.0])) == pytest.approx(0.5, abs=0.03)


def test_bad_input_is_named() -> None:
    codes = codes_of(np.ones((3, 2), np.float32))
    with pytest.raises(CompanionError, match=r"labels of shape \(2, 1\) for 3 rows; give a row of factors for each"):
        factor_shares(codes, np.zeros((2, 1), int))
    with pytest.raises(CompanionError, match="no factor explains a latent that fires"):
        best_factor_share(np.zeros((2, 1)), np.ones(2))
