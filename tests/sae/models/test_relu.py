import torch

from lib.sae.base import squared_error
from tests.sae.reference import assert_same_gradients, check_gradients, dense_pre, random_rows, random_sae

NONE = torch.zeros(0, dtype=torch.int64)


def test_loss_is_squared_error_and_l1():
    sae, x = random_sae("relu"), random_rows()
    acts = torch.relu(dense_pre(sae, x))
    slow = (x - acts @ sae.W_dec - sae.b_dec).pow(2).sum() / len(x) + 0.1 * acts.sum() / len(x)
    assert_same_gradients(sae, sae.loss(x, NONE).loss, slow)


def test_gradients():
    x = random_rows()
    assert check_gradients(random_sae("relu"), lambda sae: sae.loss(x, NONE).loss)


def test_l1_and_reconstruction_through_the_sparse_path():
    sae, x = random_sae("relu"), random_rows()
    code = sae.encode(x)
    fast = squared_error(x, sae.decode(code)) + 0.1 * code.values.sum() / len(x)
    assert_same_gradients(sae, fast, sae.loss(x, NONE).loss)
    assert check_gradients(sae, lambda sae: sae.encode(x).values.sum())


def test_code_holds_all_positive_pre_activations():
    sae, x = random_sae("relu"), random_rows()
    torch.testing.assert_close(sae.encode(x).dense(), torch.relu(dense_pre(sae, x)))
    torch.testing.assert_close(sae.loss(x, NONE).fired.float(), sae.encode(x).counts())
