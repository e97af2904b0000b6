"""Both selections against sorting, under ties, in both precisions, and where numbers cannot be ordered."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lib.sae.selection import STRIDE, largest_of_batch, largest_of_rows

KINDS = st.sampled_from(["normal", "tied", "equal", "blocks", "infinite"])


def numbers(size: int, seed: int, kind: str) -> Tensor:
    """Normal numbers; rounded, so that many are equal; all equal; larger where a sample looks; with infinite ones."""
    drawn = torch.randn(size, generator=torch.Generator().manual_seed(seed))
    if kind == "tied":
        return drawn.round()
    if kind == "equal":
        return torch.ones(size)
    if kind == "blocks":
        drawn[::STRIDE] += 100
    if kind == "infinite":
        drawn[drawn.abs() > 1] = -torch.inf
    return drawn


def first_largest(values: Tensor, count: int) -> Tensor:
    """Increasing places of the `count` largest, the first ones among equals, by a stable sort."""
    return values.argsort(descending=True, stable=True)[:count].sort().values


@given(st.integers(1, 30), st.integers(1, 700), st.integers(1, 80), st.integers(0, 99), KINDS)
def test_largest_of_rows_equals_sorting(rows: int, width: int, k: int, seed: int, kind: str) -> None:
    pre = numbers(rows * width, seed, kind).view(rows, width)
    slow = [row * width + first_largest(values, k) for row, values in enumerate(pre)]
    assert torch.equal(largest_of_rows(pre, k), torch.cat(slow))


@given(st.integers(1, 20_000), st.floats(0, 1), st.integers(0, 99), KINDS)
def test_largest_of_a_batch_equals_sorting(size: int, share: float, seed: int, kind: str) -> None:
    flat, count = numbers(size, seed, kind), int(share * size)
    assert torch.equal(largest_of_batch(flat, count), first_largest(flat, count))


def test_more_than_there_are_selects_all() -> None:
    assert torch.equal(largest_of_rows(torch.randn(3, 5), 9), torch.arange(15))
    assert torch.equal(largest_of_batch(torch.randn(7), 9), torch.arange(7))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_precisions_are_compared_as_they_are(dtype: torch.dtype) -> None:
    pre = (1 + numbers(30 * 512, 0, "normal").to(torch.float64) * 1e-9).view(30, 512).to(dtype)
    slow = [row * 512 + first_largest(values, 8) for row, values in enumerate(pre)]
    assert torch.equal(largest_of_rows(pre, 8), torch.cat(slow))
    flat = pre.flatten()
    assert torch.equal(largest_of_batch(flat, 300), first_largest(flat, 300))


def test_what_is_not_a_number_is_not_chosen() -> None:
    pre = torch.full((4, 600), torch.nan)
    assert len(largest_of_rows(pre, 3)) == len(largest_of_batch(pre.flatten(), 12)) == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine")
def test_a_gpu_selects_the_same() -> None:
    pre = torch.randn(30, 512, generator=torch.Generator().manual_seed(0))
    assert torch.equal(largest_of_rows(pre.cuda(), 8).cpu(), largest_of_rows(pre, 8))
