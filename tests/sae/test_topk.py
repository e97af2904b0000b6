import pytest
import torch

from lib.sae.base import squared_error
from lib.sae.sparse import Code
from lib.sae.topk import largest_of_rows
from tests.sae.reference import (
    assert_same_gradients,
    check_gradients,
    dense_activations,
    dense_pre,
    random_rows,
    random_sae,
)

NONE = torch.zeros(0, dtype=torch.int64)


def slow_positions(pre: torch.Tensor, k: int) -> torch.Tensor:
    """The k largest of each row by sorting it."""
    rows = [row * pre.shape[1] + pre[row].argsort(descending=True)[:k].sort().values for row in range(len(pre))]
    return torch.cat(rows)


@pytest.mark.parametrize("k", [1, 3, 11, 12])
def test_selection_equals_sorting(k):
    sae, x = random_sae("topk", k=k), random_rows()
    pre = dense_pre(sae, x).detach()
    assert torch.equal(sae.select(pre), slow_positions(pre, k))


def test_more_than_the_width_selects_all():
    sae = random_sae("topk", width=12, k=12)
    assert torch.equal(sae.select(random_rows(3, 5)), torch.arange(15))


def test_ties_select_exactly_k():
    sae = random_sae("topk", width=12, k=4)
    positions = sae.select(torch.ones(3, 12))
    assert torch.equal(torch.bincount(positions // 12), torch.full((3,), 4))
    assert torch.equal(positions, positions.unique())


@pytest.mark.parametrize(
    "width, k", [(512, 3), (512, 16), (512, 17), (508, 3)], ids=["narrow", "at the edge", "many", "odd"]
)
def test_selection_in_two_looks_equals_sorting(width, k):
    sae = random_sae("topk", width=width, k=k)
    pre = torch.randn(40, width, generator=torch.Generator().manual_seed(width + k))
    assert torch.equal(sae.select(pre), slow_positions(pre, k))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_two_looks_select_exactly_k_of_the_largest_under_ties(dtype):
    pre = torch.randint(0, 5, (30, 512), generator=torch.Generator().manual_seed(0)).to(dtype)
    latents = largest_of_rows(pre, 8)
    assert all(len(row.unique()) == 8 for row in latents)
    assert torch.equal(pre.gather(1, latents).sort(dim=1).values, pre.sort(dim=1).values[:, -8:])


def test_bf16_rounds_the_choice_and_not_the_values():
    sae, x = random_sae("topk", d=64, width=512, k=4), random_rows(200, 64)
    sae, x = sae.float(), x.float()
    exact = dense_pre(sae, x).detach()
    sae.bf16 = True
    scores = sae.scores(x)
    assert scores.dtype == torch.bfloat16
    positions = sae.select(scores)
    torch.testing.assert_close(sae.code_at(x, scores, positions).values, exact.flatten()[positions])
    least = exact.flatten()[positions].view(len(x), 4).min(dim=1).values
    fourth = exact.topk(4, dim=1).values[:, -1]
    assert (fourth - least <= 0.01 * exact.abs().max(dim=1).values).all()


@pytest.mark.parametrize("shift", [0.0, -1.2, -50.0], ids=["usual", "fewer than k positive", "empty rows"])
@pytest.mark.parametrize("k", [3, 12])
def test_loss_equals_the_dense_one(shift, k):
    sae, x = random_sae("topk", k=k), random_rows()
    with torch.no_grad():
        sae.b_enc += shift
    positions = slow_positions(dense_pre(sae, x).detach(), k)
    acts = dense_activations(sae, x, positions)
    slow = squared_error(x, acts @ sae.W_dec + sae.b_dec)
    out = sae.loss(x, NONE)
    assert_same_gradients(sae, out.loss, slow)
    torch.testing.assert_close(out.fired, (acts > 0).sum(dim=0).float())
    torch.testing.assert_close(sae.encode(x).dense(), acts)


def test_loss_with_ties_equals_the_dense_one():
    sae, x = random_sae("topk", k=3), random_rows()
    with torch.no_grad():
        sae.encoder[:] = sae.encoder[0].abs()
    acts = dense_activations(sae, x, sae.select(dense_pre(sae, x).detach()))
    assert_same_gradients(sae, sae.loss(x, NONE).loss, squared_error(x, acts @ sae.W_dec + sae.b_dec))


@pytest.mark.parametrize("shift", [0.0, -1.2, -50.0])
@pytest.mark.parametrize("k", [3, 12])
def test_gradients(shift, k):
    sae, x = random_sae("topk", k=k), random_rows()
    with torch.no_grad():
        sae.b_enc += shift
    assert check_gradients(sae, lambda sae: sae.loss(x, NONE).loss)


def test_gradient_reaches_the_input():
    sae, x = random_sae("topk"), random_rows().requires_grad_()
    assert torch.autograd.gradcheck(sae, [x])


def test_smallest_positive_value():
    sae, x = random_sae("topk"), random_rows()
    values = sae.encode(x).values
    assert sae.loss(x, NONE).smallest == values.min()
    with torch.no_grad():
        sae.b_enc -= 50
    assert sae.loss(x, NONE).smallest == torch.inf


def test_a_code_entry_of_zero_is_dropped_at_inference():
    sae, x = random_sae("topk", k=12), random_rows()
    code = sae.encode(x)
    assert isinstance(code, Code)
    assert (code.values > 0).all()
    assert len(code.values) == (dense_pre(sae, x) > 0).sum()
