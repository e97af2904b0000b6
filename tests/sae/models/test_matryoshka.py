import pytest
import torch

from lib.sae.base import squared_error
from lib.sae.config import SAEConfig
from lib.sae.recipes import build
from tests.sae.reference import (
    assert_same_gradients,
    check_gradients,
    dense_activations,
    dense_pre,
    random_rows,
    random_sae,
)

NONE = torch.zeros(0, dtype=torch.int64)
WIDTH = 32


def matryoshka(k: int = 3, shift: float = 0.0):
    sae = random_sae("matryoshka", width=WIDTH, k=k)
    with torch.no_grad():
        sae.b_enc += shift
    return sae


def test_prefixes_are_those_of_the_paper():
    assert build(SAEConfig("matryoshka", 512), 8).prefixes == [32, 96, 224, 512]
    assert build(SAEConfig("matryoshka", 10, k=1), 8).prefixes == [1, 4, 10]
    assert build(SAEConfig("matryoshka", 1, k=1), 8).prefixes == [1]


def test_prefixes_may_be_given():
    assert build(SAEConfig("matryoshka", 64, prefixes=(4, 16, 64)), 8).prefixes == [4, 16, 64]


def slow_prefixes(sae, x):
    acts = dense_activations(sae, x, sae.select(dense_pre(sae, x).detach()))
    return [acts[:, :end] @ sae.W_dec[:end] + sae.b_dec for end in sae.prefixes]


@pytest.mark.parametrize("shift", [0.0, -1.0, -50.0], ids=["usual", "fewer than k positive", "empty rows"])
@pytest.mark.parametrize("k", [1, 3, WIDTH])
def test_loss_equals_the_dense_one(shift, k):
    sae, x = matryoshka(k, shift), random_rows()
    slow = torch.stack([squared_error(x, part) for part in slow_prefixes(sae, x)]).mean()
    out = sae.loss(x, NONE)
    assert_same_gradients(sae, out.loss, slow)
    torch.testing.assert_close(out.reconstruction, slow_prefixes(sae, x)[-1].detach())


def test_gradients():
    x = random_rows()
    assert check_gradients(matryoshka(), lambda sae: sae.loss(x, NONE).loss)
