"""MMS against the double loop over pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.metrics.mms import mms_across
from lib.sae.codes import SparseCodes


def codes_of(matrix: np.ndarray) -> SparseCodes:
    return SparseCodes.from_matrix(np.arange(len(matrix)).astype(str), matrix)


def brute_force(a: np.ndarray, e: np.ndarray, b: np.ndarray, f: np.ndarray) -> np.ndarray:
    cosines = (e / np.linalg.norm(e, axis=1, keepdims=True)) @ (f / np.linalg.norm(f, axis=1, keepdims=True)).T
    score = np.zeros(a.shape[1])
    for k in range(a.shape[1]):
        top = bottom = 0.0
        for i in range(len(a)):
            for j in range(len(b)):
                weight = abs(a[i, k] * b[j, k])
                top, bottom = top + weight * cosines[i, j], bottom + weight
        score[k] = top / bottom if bottom else 0.0
    return score


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 9), st.integers(2, 9), st.integers(1, 10))
def test_the_score_equals_the_double_loop(seed: int, n: int, m: int, chunk: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = (rng.normal(size=(rows, 5)) * (rng.random((rows, 5)) < 0.5) for rows in (n, m))
    a[:, 0] = b[:, 1] = 0
    e, f = rng.normal(size=(n, 4)), rng.normal(size=(m, 4)) + 0.3
    cross = mms_across(codes_of(a), e, codes_of(b), f, chunk=chunk)
    np.testing.assert_allclose(cross.score, brute_force(a, e, b, f), atol=1e-12)
    assert not cross.paired[:2].any()
    assert (cross.score[:2] == 0).all()


def test_chance_is_the_score_of_uniform_weights() -> None:
    rng = np.random.default_rng(0)
    ones, e, f = codes_of(np.ones((6, 1))), rng.normal(size=(6, 3)) + 1, rng.normal(size=(6, 3))
    cross = mms_across(ones, e, ones, f)
    assert cross.chance == pytest.approx(cross.score[0], abs=1e-12)


def test_a_split_dictionary_scores_zero_across_modalities() -> None:
    rng = np.random.default_rng(1)
    image, text = np.zeros((5, 4)), np.zeros((5, 4))
    image[:, :2], text[:, 2:] = rng.random((5, 2)) + 0.1, rng.random((5, 2)) + 0.1
    judge = rng.random((5, 3))
    cross = mms_across(codes_of(image), judge, codes_of(text), judge)
    assert (cross.score == 0).all()
    assert not cross.paired.any()


def test_errors_are_one_line() -> None:
    codes, judge = codes_of(np.ones((3, 2))), np.eye(3)
    with pytest.raises(CompanionError, match=r"^codes of shapes \(3, 2\) and \(3, 3\); give rows of both"):
        mms_across(codes, judge, codes_of(np.ones((3, 3))), judge)
    with pytest.raises(CompanionError, match="first judge embeddings have 3 dimensions and second judge embeddings 2"):
        mms_across(codes, judge, codes, np.ones((3, 2)))
    with pytest.raises(CompanionError, match="3 rows of codes and 2 of judge embeddings"):
        mms_across(codes, judge, codes, judge[:2])
    with pytest.raises(CompanionError, match="judge embeddings are zero in row 0"):
        mms_across(codes, judge, codes, np.zeros((3, 3)))
