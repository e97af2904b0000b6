"""SAE-D is two dictionaries: the rows of one tower do not affect the other's parameters."""

from __future__ import annotations

import torch

from lib.sae.models.sae_d import SAED
from tests.sae.reference import NONE, random_pairs, random_two_towers


def test_nothing_is_shared() -> None:
    sae, x = random_two_towers("sae_d"), random_pairs()
    assert isinstance(sae, SAED)
    assert sae.encoder.shape == sae.W_dec.shape == (2, 12, 5)
    assert sae.b_enc.shape == (2, 12) and sae.b_dec.shape == (2, 5)
    x[:, 1] *= 2
    sae.loss(x, NONE).loss.backward()
    captions_doubled = [parameter.grad.clone() for parameter in sae.parameters()]
    sae.zero_grad()
    x[:, 1] /= 2
    sae.loss(x, NONE).loss.backward()
    for before, parameter in zip(captions_doubled, sae.parameters(), strict=True):
        torch.testing.assert_close(before[0], parameter.grad[0])
        assert not torch.allclose(before[1], parameter.grad[1])
