import pytest
import torch

from lib.sae.base import squared_error
from lib.sae.models.topk import aux_loss
from lib.sae.sparse import Code
from tests.sae.reference import (
    NONE,
    assert_same_gradients,
    check_gradients,
    dense_activations,
    dense_pre,
    gradients,
    random_rows,
    random_sae,
)


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


def test_bf16_rounds_the_choice_and_not_the_values():
    sae, x = random_sae("topk", d=64, width=512, k=4), random_rows(200, 64)
    sae, x = sae.float(), x.float()
    exact = dense_pre(sae, x).detach()
    sae.bf16 = True
    scores = sae.scores(x)
    assert scores.dtype == torch.bfloat16
    positions = sae.select(scores)
    torch.testing.assert_close(sae.selected_code(x, scores).values, torch.relu(exact.flatten()[positions]))
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


def test_a_code_entry_of_zero_is_dropped_at_inference():
    sae, x = random_sae("topk", k=12), random_rows()
    code = sae.encode(x)
    assert isinstance(code, Code)
    assert (code.values > 0).all()
    assert len(code.values) == (dense_pre(sae, x) > 0).sum()


DEAD = torch.tensor([1, 4, 5, 10])


def slow_aux(sae, x, residual, dead):
    """Over the whole width: alive latents at minus infinity, the d/2 largest of the rest, ReLU, no decoder bias."""
    pre = dense_pre(sae, x)
    alive = torch.ones(sae.width, dtype=torch.bool)
    alive[dead] = False
    masked = pre.masked_fill(alive, -torch.inf)
    top = masked.topk(min(sae.d // 2, len(dead)), dim=1)
    acts = torch.zeros_like(pre).scatter(1, top.indices, torch.relu(top.values))
    error = (residual - acts @ sae.W_dec).pow(2).sum(dim=1).mean()
    return error / (residual - residual.mean(dim=0)).pow(2).sum(dim=1).mean()


@pytest.mark.parametrize("size", [1.0, 0.01])
@pytest.mark.parametrize("dead", [DEAD, DEAD[:2], DEAD[:1]], ids=len)
def test_auxk_equals_the_dense_one(dead, size):
    sae, x, residual = random_sae("topk"), random_rows(), size * random_rows(seed=9)
    assert_same_gradients(sae, aux_loss(sae, x, residual, dead), slow_aux(sae, x, residual, dead))


@pytest.mark.parametrize("dead", [DEAD, DEAD[:2]], ids=len)
def test_gradients_of_auxk(dead):
    x, residual = random_rows(), random_rows(seed=9)
    assert check_gradients(random_sae("topk"), lambda sae: aux_loss(sae, x, residual, dead))


@pytest.mark.parametrize(("recipe", "weight"), [("topk", 1 / 32), ("batch_topk", 0.03), ("matryoshka", 0.03)])
def test_weight_of_auxk_in_the_loss(recipe, weight):
    sae, x = random_sae(recipe), random_rows()
    plain = sae.loss(x, DEAD[:0])
    slow = plain.loss + weight * slow_aux(sae, x, x - plain.reconstruction, DEAD)
    assert_same_gradients(sae, sae.loss(x, DEAD).loss, slow)


def test_only_dead_latents_learn_from_auxk():
    sae, x, residual = random_sae("topk"), random_rows(), random_rows(seed=9)
    for name, gradient in gradients(sae, aux_loss(sae, x, residual, DEAD)).items():
        touched = gradient.reshape(len(gradient), -1).any(dim=1).nonzero()[:, 0]
        if name != "b_dec":
            assert set(touched.tolist()) <= set(DEAD.tolist()), name


def test_the_residual_is_a_constant_of_auxk():
    sae, x = random_sae("topk"), random_rows()
    residual = random_rows(seed=9).requires_grad_()
    (gradient,) = torch.autograd.grad(aux_loss(sae, x, residual, DEAD), residual, allow_unused=True)
    assert gradient is None


@pytest.mark.parametrize("residual", [torch.zeros(3, 5).double(), torch.ones(1, 5).double()], ids=["none", "one row"])
def test_auxk_with_nothing_to_explain_is_zero_with_zero_gradient(residual):
    sae = random_sae("topk")
    loss = aux_loss(sae, random_rows(len(residual)), residual, DEAD)
    assert loss == 0
    assert all(torch.equal(g, torch.zeros_like(g)) for g in gradients(sae, loss).values())
