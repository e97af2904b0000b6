"""MMS against the double loop over pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.data.errors import CompanionError
from lib.metrics.mms import cross_score, within_score
from lib.sae.codes import SparseCodes


def codes_of(matrix: np.ndarray) -> SparseCodes:
    return SparseCodes.from_matrix(np.arange(len(matrix)).astype(str), matrix)


def brute_force(a: np.ndarray, e: np.ndarray, b: np.ndarray, f: np.ndarray, skip_self: bool) -> np.ndarray:
    cosines = (e / np.linalg.norm(e, axis=1, keepdims=True)) @ (f / np.linalg.norm(f, axis=1, keepdims=True)).T
    score = np.zeros(a.shape[1])
    for k in range(a.shape[1]):
        top = bottom = 0.0
        for i in range(len(a)):
            for j in range(len(b)):
                if skip_self and i == j:
                    continue
                weight = abs(a[i, k] * b[j, k])
                top, bottom = top + weight * cosines[i, j], bottom + weight
        score[k] = top / bottom if bottom else 0.0
    return score


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 9), st.integers(2, 9), st.integers(1, 10))
def test_both_scores_equal_the_double_loop(seed: int, n: int, m: int, chunk: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = (rng.normal(size=(rows, 5)) * (rng.random((rows, 5)) < 0.5) for rows in (n, m))
    a[:, 0] = b[:, 1] = 0
    a[:, 2] = np.eye(n)[0]
    e, f = rng.normal(size=(n, 4)), rng.normal(size=(m, 4)) + 0.3
    cross, within = cross_score(codes_of(a), e, codes_of(b), f, chunk=chunk), within_score(codes_of(a), e, chunk=chunk)
    np.testing.assert_allclose(cross.score, brute_force(a, e, b, f, skip_self=False), atol=1e-12)
    np.testing.assert_allclose(within.score, brute_force(a, e, a, e, skip_self=True), atol=1e-9)
    assert not cross.paired[:2].any()
    assert (cross.score[:2] == 0).all()
    assert not within.paired[2]


def test_chance_is_the_score_of_uniform_weights() -> None:
    rng = np.random.default_rng(0)
    ones, e, f = codes_of(np.ones((6, 1))), rng.normal(size=(6, 3)) + 1, rng.normal(size=(6, 3))
    cross, within = cross_score(ones, e, ones, f), within_score(ones, e)
    assert cross.chance == pytest.approx(cross.score[0], abs=1e-12)
    assert within.chance == pytest.approx(within.score[0], abs=1e-12)


def test_a_split_dictionary_scores_zero_across_modalities() -> None:
    rng = np.random.default_rng(1)
    image, text = np.zeros((5, 4)), np.zeros((5, 4))
    image[:, :2], text[:, 2:] = rng.random((5, 2)) + 0.1, rng.random((5, 2)) + 0.1
    judge = rng.random((5, 3))
    cross = cross_score(codes_of(image), judge, codes_of(text), judge)
    assert (cross.score == 0).all()
    assert not cross.paired.any()


def test_errors_are_one_line() -> None:
    codes, judge = codes_of(np.ones((3, 2))), np.eye(3)
    with pytest.raises(CompanionError, match=r"^codes of 2 and 3 latents; encode both with one dictionary$"):
        cross_score(codes, judge, codes_of(np.ones((3, 3))), judge)
    with pytest.raises(CompanionError, match="first judge embeddings have 3 dimensions and second judge embeddings 2"):
        cross_score(codes, judge, codes, np.ones((3, 2)))
    with pytest.raises(CompanionError, match="3 rows of codes and 2 of judge embeddings"):
        within_score(codes, judge[:2])
    with pytest.raises(CompanionError, match="needs pairs of samples and 1 came"):
        within_score(codes_of(np.ones((1, 2))), judge[:1])
    with pytest.raises(CompanionError, match="judge embeddings are zero in row 0"):
        within_score(codes, np.zeros((3, 2)))
