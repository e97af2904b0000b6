import pytest
import torch

from lib.sae.models.jumprelu import BANDWIDTH, jump
from tests.sae.reference import dense_pre, random_rows, random_sae

NONE = torch.zeros(0, dtype=torch.int64)


def test_activations_jump_at_the_threshold():
    acts, gate = jump(torch.tensor([[-1.0, 0.4, 0.5, 0.6]]), torch.full((4,), 0.5))
    assert torch.equal(acts, torch.tensor([[0, 0, 0, 0.6]]))
    assert torch.equal(gate, torch.tensor([[0, 0, 0, 1.0]]))


def test_a_negative_threshold_is_zero():
    acts, _ = jump(torch.tensor([[-0.5, 0.2]]), torch.full((2,), -1.0))
    assert torch.equal(acts, torch.tensor([[0, 0.2]]))


def test_threshold_gradients_are_those_of_the_kernel():
    theta = torch.tensor([0.5], dtype=torch.float64, requires_grad=True)
    pre = torch.tensor([[0.5 + 0.4 * BANDWIDTH], [0.5 - 0.4 * BANDWIDTH], [0.5 + 0.6 * BANDWIDTH], [3.0]]).double()
    acts, gate = jump(pre, theta)
    (for_acts,) = torch.autograd.grad(acts.sum(), theta, retain_graph=True)
    (for_gate,) = torch.autograd.grad(gate.sum(), theta)
    torch.testing.assert_close(for_acts, torch.tensor([-2 * 0.5 / BANDWIDTH]).double())
    torch.testing.assert_close(for_gate, torch.tensor([-2 / BANDWIDTH]).double())


@pytest.mark.parametrize("side", [0.4, -0.4])
def test_the_gradient_of_activations_is_at_the_threshold_and_not_at_the_input(side):
    theta = torch.tensor([0.5], dtype=torch.float64, requires_grad=True)
    acts, _ = jump(torch.tensor([[0.5 + side * BANDWIDTH]]).double(), theta)
    (gradient,) = torch.autograd.grad(acts.sum(), theta)
    torch.testing.assert_close(gradient, torch.tensor([-0.5 / BANDWIDTH]).double())


def test_the_kernel_estimates_the_true_gradient():
    """Over many draws the pseudo-gradients are the derivatives of the expected activation and of the expected L0."""
    generator = torch.Generator().manual_seed(0)
    pre = torch.rand(2_000_000, 1, generator=generator, dtype=torch.float64)
    theta = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)
    acts, gate = jump(pre, theta)
    (for_acts,) = torch.autograd.grad(acts.mean(), theta, retain_graph=True)
    (for_gate,) = torch.autograd.grad(gate.mean(), theta)
    torch.testing.assert_close(for_acts, torch.tensor([-0.3]).double(), atol=0.03, rtol=0)
    torch.testing.assert_close(for_gate, torch.tensor([-1.0]).double(), atol=0.1, rtol=0)


def test_pre_activations_get_gradient_where_active_only():
    pre = torch.tensor([[0.4, 0.6, -1.0]], requires_grad=True)
    acts, gate = jump(pre, torch.full((3,), 0.5))
    (gradient,) = torch.autograd.grad((2 * acts + 7 * gate).sum(), pre)
    assert torch.equal(gradient, torch.tensor([[0, 2.0, 0]]))


def test_a_rescaled_dictionary_does_the_same_on_rescaled_rows():
    sae, x = random_sae("jumprelu"), random_rows()
    before = sae.encode(x).dense()
    sae.rescale(4.0)
    torch.testing.assert_close(sae.encode(4 * x).dense(), 4 * before)


def test_loss_is_squared_error_and_distance_from_the_target():
    sae, x = random_sae("jumprelu", k=3), random_rows()
    pre = dense_pre(sae, x)
    acts = torch.where(pre > sae.threshold.clamp_min(0), pre, 0)
    l0 = (acts > 0).sum() / len(x)
    slow = (x - acts @ sae.W_dec - sae.b_dec).pow(2).sum() / len(x) + (l0 / 3 - 1) ** 2
    torch.testing.assert_close(sae.loss(x, NONE).loss, slow)
    torch.testing.assert_close(sae.encode(x).dense(), acts)
    torch.testing.assert_close(sae.loss(x, NONE).fired.float(), sae.encode(x).counts())
