"""The alignment of paired codes against loops."""

from __future__ import annotations

import pytest
import torch

from lib.sae.models.iso_energy import alignment
from tests.sae.reference import (
    NONE,
    PAIR,
    THREE,
    assert_same_gradients,
    check_gradients,
    dense_code,
    random_paired,
    random_pairs,
    slow_codes,
    slow_error,
)


@pytest.mark.parametrize("biases", [1, "each"])
@pytest.mark.parametrize("modalities", [PAIR, THREE], ids=len)
def test_loss_and_gradients_equal_the_loop(modalities, biases):
    sae = random_paired("iso_energy", modalities, 1 if biases == 1 else len(modalities))
    x = random_pairs(len(modalities))
    z = slow_codes(sae, x)
    total = z.new_zeros(())
    for pair in z:
        couples = [(a, b) for a in range(len(pair)) for b in range(a)]
        total = total + torch.stack([torch.cosine_similarity(pair[a], pair[b], dim=0) for a, b in couples]).mean()
    assert_same_gradients(sae, sae.loss(x, NONE).loss, slow_error(sae, x, z) - 0.3 * total / len(z))


def test_gradcheck():
    assert check_gradients(random_paired("iso_energy"), lambda sae: sae.loss(random_pairs(), NONE).loss)


def test_alignment_of_equal_and_of_disjoint_codes():
    equal, disjoint = torch.tensor([[1.0, 2, 0], [2, 4, 0]]), torch.tensor([[1.0, 2, 0], [0, 0, 1]])
    assert abs(float(alignment(dense_code(equal), 2)) - 1) < 1e-6
    assert abs(float(alignment(dense_code(disjoint), 2))) < 1e-6
