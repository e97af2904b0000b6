"""R-Precision, mAP@R and recall against a walk down the sorted list."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.metrics.precision_at_r import cosine_rows, positive_scores
from lib.metrics.retrieval import retrieval


def by_list(scores: np.ndarray, right: np.ndarray) -> tuple[int, float, float]:
    """The published rule, on the list in which wrong candidates come first among equals."""
    order = sorted(range(len(scores)), key=lambda j: (-scores[j], right[j]))
    hits = [bool(right[j]) for j in order]
    wanted = int(right.sum())
    precisions = [sum(hits[:r]) / r if hits[r - 1] else 0.0 for r in range(1, wanted + 1)]
    return hits.index(True) + 1, sum(hits[:wanted]) / wanted, float(np.mean(precisions))


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 9), st.integers(1, 4))
def test_scores_equal_the_list(seed: int, n: int, m: int, chunk: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 4, size=(n, m)) / 4  # many exact ties
    right = rng.random((n, m)) < 0.4
    right[0, rng.integers(m)] = True
    found = positive_scores((scores[i : i + chunk] for i in range(0, n, chunk)), sp.csr_array(right))
    expected = [by_list(scores[i], right[i]) for i in range(n) if right[i].any()]
    for mine, column in zip((found.first, found.r_precision, found.map_at_r), zip(*expected, strict=True), strict=True):
        np.testing.assert_allclose(mine, column, atol=1e-12)
    assert found.recall(2) == np.mean([first <= 2 for first, *_ in expected])


def test_one_right_answer_is_plain_retrieval() -> None:
    rng = np.random.default_rng(0)
    image, text = rng.normal(size=(40, 5)), rng.normal(size=(40, 5))
    found = positive_scores(cosine_rows(image, text, chunk=7), sp.csr_array(np.eye(40, dtype=bool)))
    ranks = retrieval(image, text).image_to_text
    assert [found.recall(k) for k in (1, 5, 10)] == [ranks.recall(k) for k in (1, 5, 10)]
    np.testing.assert_allclose(found.map_at_r, found.first == 1)


def test_collapsed_embeddings_do_not_score() -> None:
    right = sp.csr_array(np.array([[True, True, False, False]]))
    collapsed = positive_scores(cosine_rows(np.ones((1, 3)), np.ones((4, 3))), right)
    assert (collapsed.first[0], collapsed.r_precision[0], collapsed.map_at_r[0]) == (3, 0, 0)
    perfect = positive_scores([np.array([[0.9, 0.8, 0.1, 0.2]])], right)
    assert (perfect.first[0], perfect.r_precision[0], perfect.map_at_r[0]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("blocks", "says"),
    [
        ([np.zeros((2, 2))], r"scores of shape \(2, 2\) after 0 queries for positives of shape \(2, 3\)"),
        ([np.zeros((2, 3)), np.zeros((1, 3))], "after 2 queries"),
        ([np.zeros(3)], r"scores of shape \(3,\)"),
        ([np.zeros((2, 3, 1))], r"scores of shape \(2, 3, 1\)"),
        ([np.zeros((1, 3))], "scores of 1 queries for positives of 2"),
        ([np.full((2, 3), np.nan)], "NaN or infinity"),
    ],
)
def test_wrong_blocks(blocks: list[np.ndarray], says: str) -> None:
    with pytest.raises(CompanionError, match=says):
        positive_scores(blocks, sp.csr_array(np.ones((2, 3), bool)))


def test_nothing_right_is_no_score() -> None:
    with pytest.raises(CompanionError, match="give a row for each"):
        positive_scores([np.zeros((2, 3))], sp.csr_array((2, 3), dtype=bool))
