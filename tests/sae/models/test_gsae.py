"""The group norm against loops, its bounds, its gradient, and the paper's weight."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.sae.models.gsae import group_norm, group_weight
from lib.sae.sparse import Code, Pattern
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
    sae = random_paired("gsae", modalities, 1 if biases == 1 else len(modalities))
    x = random_pairs(len(modalities))
    z = slow_codes(sae, x)
    norms = sum(column.norm() for pair in z for column in pair.t() if bool((column > 0).any()))
    out = sae.loss(x, NONE)
    assert_same_gradients(sae, out.loss, slow_error(sae, x, z) + 0.3 * norms / len(z))
    torch.testing.assert_close(out.reconstruction, (z @ sae.W_dec + sae.biases).detach())
    torch.testing.assert_close(out.fired, (z > 0).sum(dim=(0, 1)).float())


def test_gradcheck():
    assert check_gradients(random_paired("gsae"), lambda sae: sae.loss(random_pairs(), NONE).loss)


@given(st.integers(1, 5), st.integers(2, 4), st.integers(0, 99))
def test_the_group_norm_lies_between_sharing_and_splitting(pairs, members, seed):
    drawn = torch.rand(pairs * members, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    z = drawn * (drawn > 0.5)
    value = float(group_norm(dense_code(z), members))
    alone = float(z.sum()) / pairs
    assert alone / members**0.5 - 1e-9 <= value <= alone + 1e-4
    equal = z[::members].repeat_interleave(members, dim=0)  # all members alike: the discount of sharing is whole
    assert abs(float(group_norm(dense_code(equal), members)) - float(equal.sum()) / pairs / members**0.5) < 1e-4


def test_the_group_norm_by_loops():
    z = torch.rand(12, 2, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)  # more pairs than latents
    z *= z > 0.4
    slow = sum(float(pair[:, latent].square().sum()) ** 0.5 for pair in z for latent in range(3)) / 12
    assert float(group_norm(dense_code(z.flatten(0, 1)), 2)) == pytest.approx(slow)


def test_a_latent_of_value_zero_has_no_gradient():
    values = torch.tensor([0.0, 2.0, 0.0], dtype=torch.float64, requires_grad=True)
    group_norm(Code(Pattern(torch.tensor([0, 4, 5]), 2, 4), values), 2).backward()
    assert torch.equal(values.grad[[0, 2]], torch.zeros(2, dtype=torch.float64))


def test_group_weight_is_the_papers_at_its_k():
    assert group_weight(32) == 0.05 and group_weight(8) == pytest.approx(0.1)
    with pytest.raises(CompanionError, match="at least one active latent"):
        group_weight(0)
    with pytest.raises(CompanionError, match="no whole groups of 2"):
        group_norm(Code(Pattern(NONE, 3, 4), torch.zeros(0)), 2)
