import pytest
import torch

from lib.sae.base import Step, squared_error
from lib.sae.sparse import Code, Pattern
from tests.sae.reference import (
    assert_same_gradients,
    check_gradients,
    dense_activations,
    dense_pre,
    random_rows,
    random_sae,
)

NONE = torch.zeros(0, dtype=torch.int64)


def test_selection_is_over_the_batch():
    sae, x = random_sae("batch_topk", k=3), random_rows()
    pre = dense_pre(sae, x).detach()
    expected = pre.flatten().argsort(descending=True)[: 3 * len(x)].sort().values
    assert torch.equal(sae.select(pre), expected)


@pytest.mark.parametrize("shift", [0.0, -1.5, -50.0], ids=["usual", "fewer than k positive", "empty rows"])
@pytest.mark.parametrize("k", [1, 3, 12])
def test_loss_equals_the_dense_one(shift, k):
    sae, x = random_sae("batch_topk", k=k), random_rows()
    with torch.no_grad():
        sae.b_enc += shift
    acts = dense_activations(sae, x, sae.select(dense_pre(sae, x).detach()))
    slow = squared_error(x, acts @ sae.W_dec + sae.b_dec)
    assert_same_gradients(sae, sae.loss(x, NONE).loss, slow)
    assert check_gradients(sae, lambda sae: sae.loss(x, NONE).loss)


def test_inference_keeps_what_exceeds_the_threshold():
    sae, x = random_sae("batch_topk"), random_rows()
    sae.threshold.fill_(0.4)
    pre = dense_pre(sae, x)
    torch.testing.assert_close(sae.encode(x).dense(), torch.where(pre > 0.4, pre, 0))


def test_smallest_positive_value():
    sae, x = random_sae("batch_topk"), random_rows()
    values = dense_activations(sae, x, sae.select(dense_pre(sae, x).detach()))
    torch.testing.assert_close(sae.loss(x, NONE).smallest, values[values > 0].min().detach())
    with torch.no_grad():
        sae.b_enc -= 50
    assert sae.loss(x, NONE).smallest == torch.inf


def test_the_smallest_value_may_be_the_first_or_the_last():
    sae, pattern = random_sae("batch_topk", width=4), Pattern(torch.tensor([0, 1, 7]), 2, 4)
    for values in ([0.1, 3.0, 4.0], [3.0, 0.1, 4.0], [3.0, 4.0, 0.1]):
        code = Code(pattern, torch.tensor(values, dtype=torch.float64))
        assert float(sae.smallest_of(code)) == 0.1


def step_of(smallest: float) -> Step:
    nothing = torch.zeros(())
    return Step(nothing, nothing, nothing, torch.tensor(smallest, dtype=torch.float64))


def test_threshold_is_a_moving_average_after_a_wait():
    sae = random_sae("batch_topk")
    sae.after_step(step_of(5.0), 9, 1000)
    assert sae.threshold == 0
    sae.after_step(step_of(1.0), 10, 1000)
    assert sae.threshold == 1
    sae.after_step(step_of(2.0), 11, 1000)
    assert float(sae.threshold) == pytest.approx(1.1)
    sae.after_step(step_of(torch.inf), 12, 1000)
    assert float(sae.threshold) == pytest.approx(1.1)


def test_reading_the_loss_twice_changes_nothing():
    sae, x = random_sae("batch_topk"), random_rows()
    before = {name: value.clone() for name, value in sae.state_dict().items()}
    sae.loss(x, NONE)
    sae.loss(x, NONE)
    assert all(torch.equal(before[name], value) for name, value in sae.state_dict().items())
