import pytest
import torch

from lib.sae.auxk import aux_loss
from tests.sae.reference import (
    assert_same_gradients,
    check_gradients,
    dense_pre,
    gradients,
    random_rows,
    random_sae,
)

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
def test_equals_the_dense_one(dead, size):
    sae, x, residual = random_sae("topk"), random_rows(), size * random_rows(seed=9)
    assert_same_gradients(sae, aux_loss(sae, x, residual, dead), slow_aux(sae, x, residual, dead))


@pytest.mark.parametrize("dead", [DEAD, DEAD[:2]], ids=len)
def test_gradients(dead):
    x, residual = random_rows(), random_rows(seed=9)
    assert check_gradients(random_sae("topk"), lambda sae: aux_loss(sae, x, residual, dead))


@pytest.mark.parametrize(("recipe", "weight"), [("topk", 1 / 32), ("batch_topk", 0.03), ("matryoshka", 0.03)])
def test_weight_in_the_loss(recipe, weight):
    sae, x = random_sae(recipe), random_rows()
    plain = sae.loss(x, DEAD[:0])
    slow = plain.loss + weight * slow_aux(sae, x, x - plain.reconstruction, DEAD)
    assert_same_gradients(sae, sae.loss(x, DEAD).loss, slow)


def test_only_dead_latents_learn_from_it():
    sae, x, residual = random_sae("topk"), random_rows(), random_rows(seed=9)
    for name, gradient in gradients(sae, aux_loss(sae, x, residual, DEAD)).items():
        touched = gradient.reshape(len(gradient), -1).any(dim=1).nonzero()[:, 0]
        if name != "b_dec":
            assert set(touched.tolist()) <= set(DEAD.tolist()), name


def test_the_residual_is_a_constant():
    sae, x = random_sae("topk"), random_rows()
    residual = random_rows(seed=9).requires_grad_()
    (gradient,) = torch.autograd.grad(aux_loss(sae, x, residual, DEAD), residual, allow_unused=True)
    assert gradient is None


def test_nothing_dead_is_zero():
    sae, x = random_sae("topk"), random_rows()
    assert aux_loss(sae, x, x, DEAD[:0]) == 0


@pytest.mark.parametrize("residual", [torch.zeros(3, 5).double(), torch.ones(1, 5).double()], ids=["none", "one row"])
def test_nothing_to_explain_is_zero_with_zero_gradient(residual):
    sae = random_sae("topk")
    loss = aux_loss(sae, random_rows(len(residual)), residual, DEAD)
    assert loss == 0
    assert all(torch.equal(g, torch.zeros_like(g)) for g in gradients(sae, loss).values())
