"""Decoders by least squares against scikit-learn, and against any other decoder."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from sklearn.linear_model import LinearRegression

from lib.sae.models.two_towers import TOWERS
from lib.sae.training import least_squares as module
from lib.sae.training.least_squares import fit_decoders, least_squares
from tests.sae.reference import random_two_towers, toy


def test_weights_and_bias_are_those_of_linear_regression(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RIDGE", 0.0)
    rng = np.random.default_rng(0)
    codes = rng.random((200, 12)) * (rng.random((200, 12)) < 0.4)
    x = rng.standard_normal((200, 5)) + 3
    weight, bias = least_squares(sp.csr_array(codes), x)
    expected = LinearRegression().fit(codes, x)
    np.testing.assert_allclose(weight, expected.coef_.T, atol=1e-8)
    np.testing.assert_allclose(bias, expected.intercept_, atol=1e-8)


@pytest.mark.parametrize("recipe", ["vl_sae", "distance_shared", "sae_d"])
def test_no_other_decoder_reconstructs_better(recipe: str) -> None:
    data, sae = toy(300, 5), random_two_towers(recipe).float()

    def error() -> float:
        return sum(
            float(((sae.reconstruct(sae.codes(data, tower), tower) - data.tower(tower)) ** 2).sum()) for tower in TOWERS
        )

    fit_decoders(sae, data)
    best = error()
    generator = torch.Generator().manual_seed(0)
    for parameter in (sae.W_dec, sae.b_dec):
        kept = parameter.detach().clone()
        for _ in range(5):
            with torch.no_grad():
                parameter.copy_(kept + 0.02 * torch.randn(kept.shape, generator=generator))
            assert error() > best
        with torch.no_grad():
            parameter.copy_(kept)


def test_a_latent_that_never_fires_writes_nothing() -> None:
    codes = np.zeros((30, 3))
    codes[:, 0] = np.arange(30)
    weight, bias = least_squares(sp.csr_array(codes), np.arange(60.0).reshape(30, 2))
    np.testing.assert_allclose(weight[1:], 0, atol=1e-9)
    assert np.isfinite(bias).all()
