"""Jaccard indices against Python sets."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.metrics import uniqueness as module
from lib.metrics.top_examples import top_examples
from lib.metrics.uniqueness import uniqueness
from lib.sae.codes import SparseCodes


def codes_of(matrix: np.ndarray) -> SparseCodes:
    return SparseCodes.from_matrix(np.arange(len(matrix)).astype(str), matrix)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.sampled_from([1, 3, 2048]))
def test_equals_python_sets(seed: int, m: int, block: int) -> None:
    rng = np.random.default_rng(seed)
    dense = rng.random((12, 9)) * (rng.random((12, 9)) < 0.5)
    dense[:, :2] = rng.random((12, 1)) + 0.1  # two latents with the same images
    dense[:, 2] = 0
    dense[:, 3] = np.eye(12)[4]
    top = top_examples(codes_of(dense), m)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ROWS_AT_ONCE", block)
        result = uniqueness(top)
    active = (dense > 0).sum(axis=0)
    np.testing.assert_array_equal(result.full, np.flatnonzero(active >= m))
    np.testing.assert_array_equal(result.short, np.flatnonzero((active > 0) & (active < m)))
    assert 2 in result.dead
    sets = [set(top.rows[k]) for k in result.full]
    expected = {(i, j): len(sets[i] & sets[j]) / len(sets[i] | sets[j]) for i, j in combinations(range(len(sets)), 2)}
    dense_jaccard = result.jaccard.toarray()
    for (i, j), value in expected.items():
        assert dense_jaccard[i, j] == pytest.approx(value)
    assert np.tril(dense_jaccard).sum() == 0
    assert dense_jaccard[0, 1] == 1
    assert result.pairs == len(expected)
    for threshold in (0, 0.5):
        share = sum(value > threshold for value in expected.values()) / len(expected)
        assert result.share_above(threshold) == pytest.approx(share)


def test_errors_are_one_line() -> None:
    top = top_examples(codes_of(np.eye(3)), 2)
    with pytest.raises(CompanionError, match=r"^0 of 3 latents have 2 active images and a pair needs 2; use"):
        uniqueness(top)
    with pytest.raises(CompanionError, match=r"^1 of 2 latents have 2 active images"):
        uniqueness(top_examples(codes_of(np.array([[1.0, 0.0], [2.0, 1.0]])), 2))
    assert uniqueness(top_examples(codes_of(np.ones((2, 2))), 2)).share_above(0.99) == 1
    with pytest.raises(CompanionError, match="a Jaccard threshold of -1"):
        uniqueness(top_examples(codes_of(np.eye(3)), 1)).share_above(-1)
