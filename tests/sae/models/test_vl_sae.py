"""VL-SAE's activation against its formula, and what follows from it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib.sae.models.vl_sae import EPSILON, VLSAE
from tests.sae.reference import NONE, random_rows, random_two_towers


def test_one_encoder_without_a_bias_and_a_decoder_for_each_tower() -> None:
    sae = random_two_towers("vl_sae")
    assert isinstance(sae, VLSAE) and sae.b_enc is None
    assert sae.encoder.shape == (1, 12, 5) and sae.W_dec.shape == (2, 12, 5) and sae.b_dec.shape == (2, 5)


@given(cosine=st.floats(-1, 1))
def test_the_activation_is_two_minus_the_distance(cosine: float) -> None:
    found = float(random_two_towers("vl_sae").activation(torch.tensor(cosine, dtype=torch.float64)))
    assert found == pytest.approx(2 - np.sqrt(2 - 2 * cosine), abs=1.01 * np.sqrt(EPSILON))
    assert 0 - 1e-6 <= found <= 2


def test_the_triangle_inequality_bounds_the_difference_of_two_activations() -> None:
    """Eq. 5: |g(x_v, w) - g(x_l, w)| <= g(x_v, x_l)."""
    sae = random_two_towers("vl_sae", k=12)
    x, y = (torch.nn.functional.normalize(random_rows(50, 5, seed), dim=1) for seed in (1, 2))
    difference = (sae.encode_tower(x, "image").dense() - sae.encode_tower(y, "text").dense()).abs().amax(dim=1)
    assert (difference <= (x - y).norm(dim=1) + 1e-3).all()


def test_gradients_are_finite_on_a_latent_and_without_a_norm() -> None:
    sae = random_two_towers("vl_sae")
    x = torch.zeros(2, 2, 5, dtype=torch.float64)
    x[0] = sae.encoder[0, 0].detach()
    sae.loss(x, NONE).loss.backward()
    assert all(bool(p.grad.isfinite().all()) for p in sae.parameters())
