"""Streaming top-m lists against a sort of the dense matrix."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.metrics.top_examples import TopExamples, top_examples
from lib.sae.codes import SparseCodes


def codes_of(matrix: np.ndarray) -> SparseCodes:
    return SparseCodes.from_matrix(np.arange(len(matrix)).astype(str), matrix)


def by_sorting(dense: np.ndarray, m: int) -> np.ndarray:
    rows = np.full((dense.shape[1], m), -1)
    for k in range(dense.shape[1]):
        order = [n for n in sorted(range(len(dense)), key=lambda n: (-dense[n, k], n)) if dense[n, k] > 0][:m]
        rows[k, : len(order)] = order
    return rows


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(0, 8), min_size=1, max_size=5),
    st.integers(1, 6),
    st.booleans(),
)
def test_streaming_equals_sorting(seed: int, sizes: list[int], m: int, merge: bool) -> None:
    rng = np.random.default_rng(seed)
    dense = rng.integers(-1, 4, size=(sum(sizes), 5)).astype(np.float32)  # many ties, some negative entries
    top, edges = TopExamples(5, m), np.cumsum([0, *sizes])
    for start, stop in pairwise(edges):
        part = codes_of(dense[start:stop])
        if merge:
            top.merge(top_examples(part, m))
        else:
            top.update(part)
    expected = by_sorting(dense, m)
    np.testing.assert_array_equal(top.rows, expected)
    values = np.where(expected >= 0, np.take_along_axis(dense.T, expected, axis=1) if len(dense) else 0, 0)
    np.testing.assert_array_equal(top.values, values)
    np.testing.assert_array_equal(top.counts, (expected >= 0).sum(axis=1))
    assert top.seen == len(dense)


def test_a_stored_zero_is_no_example() -> None:
    codes = SparseCodes(np.array(["a"]), np.array([0, 2]), np.array([0, 1]), np.array([0.0, 2.0]), 3)
    np.testing.assert_array_equal(top_examples(codes, 1).rows, [[-1], [0], [-1]])


def test_errors_are_one_line() -> None:
    with pytest.raises(CompanionError, match=r"^top 0 rows of 3 latents; give at least 1 of each$"):
        TopExamples(3, 0)
    with pytest.raises(CompanionError, match=r"^top 3 rows of 0 latents; give at least 1 of each$"):
        TopExamples(0, 3)
    assert TopExamples(1, 1).rows.tolist() == [[-1]]
    with pytest.raises(CompanionError, match="codes of 2 latents for lists of 3"):
        TopExamples(3).update(codes_of(np.ones((1, 2))))
    with pytest.raises(CompanionError, match="codes of 4 latents for lists of 3"):
        TopExamples(3).merge(TopExamples(4))
    with pytest.raises(CompanionError, match="top 16 and top 4 rows cannot merge"):
        TopExamples(3).merge(TopExamples(3, 4))
