import pytest
import torch

from lib.sae.sparse import Code, Pattern, decode_at, encode_at
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
    return Code(Pattern(positions, ROWS, WIDTH), values)


def test_code_is_the_csr_of_its_dense_matrix(code):
    dense = code.dense()
    csr = torch.sparse_csr_tensor(
        code.pattern.indptr, code.pattern.latents, code.values, (ROWS, WIDTH), check_invariants=True
    )
    torch.testing.assert_close(csr.to_dense(), dense)
    torch.testing.assert_close(code.counts(), (dense > 0).sum(dim=0).float())


def test_decode_equals_the_dense_product(code):
    weight = random_rows(WIDTH, D)
    torch.testing.assert_close(decode_at(code.pattern, code.values, weight), code.dense() @ weight)


def test_decode_gradients(code):
    weight = random_rows(WIDTH, D).requires_grad_()
    values = code.values.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda v, w: decode_at(code.pattern, v, w), (values, weight))


def test_decode_gradients_equal_the_dense_ones(code):
    weight = random_rows(WIDTH, D).requires_grad_()
    values = code.values.clone().requires_grad_()
    outer = random_rows(ROWS, D, seed=5)
    fast = torch.autograd.grad((decode_at(code.pattern, values, weight) * outer).sum(), (values, weight))
    dense = Code(code.pattern, values).dense()
    slow = torch.autograd.grad(((dense @ weight) * outer).sum(), (values, weight))
    torch.testing.assert_close(fast, slow)


@pytest.mark.parametrize("known", [True, False], ids=["known", "made"])
def test_encode_gradients(code, known):
    inputs = [random_rows(ROWS, D), random_rows(WIDTH, D, 2), random_rows(1, WIDTH, 3)[0]]

    def call(centred, weight, bias):
        made = code.pattern.take((centred @ weight.t() + bias).detach())
        return encode_at(centred, weight, bias, code.pattern, made if known else None)

    assert torch.autograd.gradcheck(call, [t.requires_grad_() for t in inputs])


def test_encode_without_a_gradient_to_the_input_and_without_a_bias(code):
    centred, weight = random_rows(ROWS, D), random_rows(WIDTH, D, 2).requires_grad_()
    values = encode_at(centred, weight, None, code.pattern, None)
    (fast,) = torch.autograd.grad(values.sum(), weight)
    (slow,) = torch.autograd.grad(code.pattern.take(centred @ weight.t()).sum(), weight)
    torch.testing.assert_close(fast, slow)


@pytest.mark.parametrize("members", [1, 2, 3])
def test_the_short_way_to_the_offset_equals_the_long_one(code, members):
    x, weight, bias = random_rows(ROWS, D), random_rows(WIDTH, D, 2), random_rows(1, WIDTH, 3)[0]
    leaves = [random_rows(members, D, 4)[None].requires_grad_(), weight.requires_grad_(), bias.requires_grad_()]
    outer = torch.linspace(-1, 1, len(code.values), dtype=torch.float64)
    centred = (x.view(-1, members, D) - leaves[0]).flatten(0, 1)
    found = []
    for rows, offset in ((centred, None), (centred.detach(), leaves[0])):
        values = encode_at(rows, weight, bias, code.pattern, None, offset)
        found.append(torch.autograd.grad((values * outer).sum(), leaves, retain_graph=True))
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_blocks_have_columns_of_their_own(code, blocks):
    runs = code.dense().view(blocks, -1, WIDTH)
    wide = Code(code.pattern.in_blocks(blocks), code.values).dense()
    torch.testing.assert_close(wide, torch.block_diag(*runs))


@pytest.mark.parametrize("ends", [[WIDTH], [1, 4, WIDTH]], ids=len)
def test_parts_of_rows_are_rows(code, ends):
    dense = code.dense()
    parts = Code(code.pattern.split_rows(ends), code.values).dense().view(ROWS, len(ends), WIDTH)
    for part, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        torch.testing.assert_close(parts[:, part, start:end], dense[:, start:end])
    torch.testing.assert_close(parts.sum(dim=1), dense)


def test_every_gradient_entry_is_written():
    """The product's buffer is uninitialised: rows of latents that no entry names must come out as zeros."""
    weight = random_rows(2000, 8).float().requires_grad_()
    pattern = Pattern(torch.tensor([5]), 1, 2000)
    for _ in range(3):
        torch.full((2000, 8), torch.nan)
        (gradient,) = torch.autograd.grad(decode_at(pattern, torch.ones(1), weight).sum(), weight)
        assert torch.equal(gradient, torch.zeros(2000, 8).index_fill_(0, torch.tensor([5]), 1.0))
