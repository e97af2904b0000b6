import pytest
import torch

from lib.sae.sparse import Code, decode_at, encode_at
from tests.sae.reference import random_rows

ROWS, D, WIDTH = 6, 4, 9

PATTERNS = {
    "some": [0, 3, 8, 9 + 1, 27 + 2, 27 + 3, 53],
    "empty rows first and last": [9 + 1, 9 + 4, 36 + 8],
    "none": [],
    "all": list(range(ROWS * WIDTH)),
    "one latent": [2, 11, 20, 29, 38, 47],
}


@pytest.fixture(params=PATTERNS, ids=str)
def code(request) -> Code:
    positions = torch.tensor(PATTERNS[request.param], dtype=torch.int64)
    values = torch.linspace(-1, 2, len(positions), dtype=torch.float64)
    return Code(positions, values, ROWS, WIDTH)


def test_code_is_the_csr_of_its_dense_matrix(code):
    dense = code.dense()
    csr = torch.sparse_csr_tensor(code.indptr, code.latents, code.values, (ROWS, WIDTH), check_invariants=True)
    torch.testing.assert_close(csr.to_dense(), dense)
    torch.testing.assert_close(code.counts(), (dense > 0).sum(dim=0).float())


def test_decode_equals_the_dense_product(code):
    weight = random_rows(WIDTH, D)
    torch.testing.assert_close(decode_at(code.indptr, code.latents, code.values, weight), code.dense() @ weight)


def test_decode_gradients(code):
    weight = random_rows(WIDTH, D).requires_grad_()
    values = code.values.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda v, w: decode_at(code.indptr, code.latents, v, w), (values, weight))


def test_decode_gradients_equal_the_dense_ones(code):
    weight = random_rows(WIDTH, D).requires_grad_()
    values = code.values.clone().requires_grad_()
    outer = random_rows(ROWS, D, seed=5)
    fast = torch.autograd.grad((decode_at(code.indptr, code.latents, values, weight) * outer).sum(), (values, weight))
    dense = Code(code.positions, values, ROWS, WIDTH).dense()
    slow = torch.autograd.grad(((dense @ weight) * outer).sum(), (values, weight))
    torch.testing.assert_close(fast, slow)


def test_encode_gradients(code):
    inputs = [random_rows(ROWS, D), random_rows(WIDTH, D, 2), random_rows(1, WIDTH, 3)[0]]

    def call(centred, weight, bias):
        return encode_at(centred, weight, bias, (centred @ weight.t() + bias).detach(), code.positions)

    assert torch.autograd.gradcheck(call, [t.requires_grad_() for t in inputs])


def test_encode_without_a_gradient_to_the_input(code):
    centred, weight, bias = random_rows(ROWS, D), random_rows(WIDTH, D, 2).requires_grad_(), torch.zeros(WIDTH).double()
    pre = (centred @ weight.t() + bias).detach()
    values = encode_at(centred, weight, bias, pre, code.positions)
    (fast,) = torch.autograd.grad(values.sum(), weight)
    (slow,) = torch.autograd.grad((centred @ weight.t()).flatten()[code.positions].sum(), weight)
    torch.testing.assert_close(fast, slow)


def test_every_gradient_entry_is_written():
    """The product's buffer is uninitialised: rows of latents that no entry names must come out as zeros."""
    weight = random_rows(2000, 8).float().requires_grad_()
    indptr, latents = torch.tensor([0, 1], dtype=torch.int32), torch.tensor([5], dtype=torch.int32)
    for _ in range(3):
        torch.full((2000, 8), torch.nan)
        (gradient,) = torch.autograd.grad(decode_at(indptr, latents, torch.ones(1), weight).sum(), weight)
        assert torch.equal(gradient, torch.zeros(2000, 8).index_fill_(0, torch.tensor([5]), 1.0))
