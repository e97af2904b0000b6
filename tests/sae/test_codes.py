import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lib.base.errors import CompanionError
from lib.sae.codes import SparseCodes

matrices = arrays(np.float32, st.tuples(st.integers(0, 6), st.integers(1, 7)), elements=st.sampled_from([0, 0.5, 2]))


def ids(n: int) -> np.ndarray:
    return np.arange(n).astype(str)


@given(matrices)
def test_dense_matrix_comes_back(matrix):
    codes = SparseCodes.from_matrix(ids(len(matrix)), matrix)
    np.testing.assert_array_equal(codes.dense(), matrix)
    assert len(codes) == len(matrix)
    assert (codes.values != 0).all()


@given(matrices)
def test_sparse_and_dense_input_agree(matrix):
    dense = SparseCodes.from_matrix(ids(len(matrix)), matrix)
    sparse = SparseCodes.from_matrix(ids(len(matrix)), sp.coo_array(matrix))
    for name in ("indptr", "indices", "values"):
        np.testing.assert_array_equal(getattr(dense, name), getattr(sparse, name))


def test_csr_shares_memory():
    codes = SparseCodes.from_matrix(ids(2), np.eye(2))
    assert np.shares_memory(codes.csr().data, codes.values)


def test_rows_without_ids_are_refused():
    with pytest.raises(CompanionError, match="codes of 2 rows for 3 ids"):
        SparseCodes(ids(3), np.array([0, 0, 0]), np.array([]), np.array([]), 4)


@pytest.mark.parametrize("latents", [[-1, 0], [0, 4], [4, 5]])
def test_latents_outside_the_width_are_refused(latents):
    with pytest.raises(CompanionError, match="codes name latents outside 0 to 3; make them with `encode`"):
        SparseCodes(ids(1), np.array([0, 2]), np.array(latents), np.ones(2), 4)
    edge = SparseCodes(ids(1), np.array([0, 2]), np.array([0, 3]), np.ones(2), 4)
    np.testing.assert_array_equal(edge.dense(), [[1, 0, 0, 1]])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(bad):
    with pytest.raises(CompanionError, match="codes contain NaN or infinity"):
        SparseCodes(ids(1), np.array([0, 1]), np.array([0]), np.array([bad]), 4)
