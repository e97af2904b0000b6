"""FVU, R2 and cosine against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.metrics.fidelity import FidelitySums, fidelity, fvu, r2


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(1, 50), st.floats(-1e3, 1e3))
def test_equals_the_definition_for_any_chunk(seed: int, n: int, chunk: int, offset: float) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4)) + offset
    x_hat = x + 0.3 * rng.normal(size=(n, 4))
    result = fidelity(x, x_hat, chunk=chunk)
    residual, variation = ((x - x_hat) ** 2).sum(axis=0), ((x - x.mean(axis=0)) ** 2).sum(axis=0)
    assert result.fvu == pytest.approx(residual.sum() / variation.sum(), rel=1e-9)
    np.testing.assert_allclose(result.explained, 1 - residual / variation, rtol=1e-9, atol=1e-9)
    cosines = (x * x_hat).sum(axis=1) / np.linalg.norm(x, axis=1) / np.linalg.norm(x_hat, axis=1)
    assert result.cosine == pytest.approx(cosines.mean(), rel=1e-9)
    assert result.rows == n
    assert result.r2 == 1 - result.fvu


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_uneven_shards_merge_to_the_whole(seed: int, sizes: list[int]) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(sum(sizes) + 2, 3)) + 5
    x_hat = x + rng.normal(size=x.shape)
    total = FidelitySums(3)
    for part in np.split(np.arange(len(x)), np.cumsum(sizes)):
        total.merge(FidelitySums(3).update(x[part], x_hat[part]))
    assert total.result().fvu == pytest.approx(fvu(x, x_hat), rel=1e-9)


def test_fixed_points() -> None:
    x = np.random.default_rng(0).normal(size=(30, 5)) + 7
    mean = np.tile(x.mean(axis=0), (30, 1))
    assert fvu(x, x) == 0
    assert r2(x, x) == 1
    assert fidelity(x, x).cosine == pytest.approx(1)
    # The mean explains nothing although its cosine is near 1: variance is taken around the mean, not around zero.
    assert fvu(x, mean) == pytest.approx(1)
    assert fidelity(x, mean).cosine > 0.95
    assert fidelity(x, np.zeros_like(x)).cosine == 0


def test_a_constant_dimension_has_no_explained_share() -> None:
    x = np.random.default_rng(1).normal(size=(10, 3))
    x[:, 1] = 0.1
    explained = fidelity(x, x).explained
    np.testing.assert_array_equal(np.isnan(explained), [False, True, False])


@pytest.mark.parametrize("rows", [1, 1000])
def test_constant_data_have_no_fvu(rows: int) -> None:
    x = np.full((rows, 3), 0.1, np.float32)
    with pytest.raises(CompanionError, match=f"^{rows} rows without variance have no FVU; give rows that differ$"):
        fidelity(x, x, chunk=7)


def test_errors_are_one_line() -> None:
    x = np.eye(3)
    with pytest.raises(CompanionError, match=r"inputs \(3, 3\) and reconstructions \(3, 2\)"):
        fvu(x, x[:, :2])
    with pytest.raises(CompanionError, match="give two matrices of the same shape"):
        fidelity(x[0], x[0])
    with pytest.raises(CompanionError, match=r"inputs \(3, 3\) and reconstructions \(2, 3\) for sums of 3"):
        FidelitySums(3).update(x, x[:2])
    with pytest.raises(CompanionError, match="reconstructions contain NaN or infinity in row 1"):
        fvu(x, np.where(np.arange(3)[:, None] == 1, np.nan, x))
    with pytest.raises(CompanionError, match="0 rows without variance"):
        fvu(x[:0], x[:0])
    with pytest.raises(CompanionError, match=r"inputs \(3, 3\) .* for sums of 4 dimensions"):
        FidelitySums(4).update(x, x)
    with pytest.raises(CompanionError, match="sums of 4 and 3 dimensions"):
        FidelitySums(4).merge(FidelitySums(3))
