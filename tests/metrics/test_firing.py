"""Firing counts against the dense matrix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.metrics.firing import firing
from lib.sae.codes import SparseCodes


def codes_of(matrix: np.ndarray) -> SparseCodes:
    return SparseCodes.from_matrix(np.arange(len(matrix)).astype(str), matrix)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.floats(0, 1))
def test_equals_the_dense_matrix(seed: int, n: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=(n, 7)) * (rng.random((n, 7)) < share)
    result = firing(codes_of(dense))
    active = dense != 0
    assert result.rows == n
    assert result.l0 == pytest.approx(active.sum(axis=1).mean())
    np.testing.assert_allclose(result.rate, active.mean(axis=0))
    assert result.dead == (~active.any(axis=0)).sum()
    assert result.dead_share == pytest.approx(1 - active.any(axis=0).mean())
    split = rng.integers(n + 1)
    if 0 < split < n:
        merged = firing(codes_of(dense[:split])).merge(firing(codes_of(dense[split:])))
        np.testing.assert_array_equal(merged.counts, result.counts)
        assert merged.rows == n


def test_a_stored_zero_is_no_firing() -> None:
    codes = SparseCodes(np.array(["a"]), np.array([0, 2]), np.array([0, 1]), np.array([0.0, 2.0]), 3)
    np.testing.assert_array_equal(firing(codes).counts, [0, 1, 0])


def test_errors_are_one_line() -> None:
    with pytest.raises(CompanionError, match=r"^codes of 0 rows and 3 latents; give at least one of each$"):
        firing(codes_of(np.zeros((0, 3))))
    with pytest.raises(CompanionError, match=r"^codes of 2 rows and 0 latents; give at least one of each$"):
        firing(SparseCodes(np.arange(2), np.zeros(3, int), np.zeros(0, int), np.zeros(0), 0))
    with pytest.raises(CompanionError, match="firing of 3 and 2 latents"):
        firing(codes_of(np.ones((1, 3)))).merge(firing(codes_of(np.ones((1, 2)))))
