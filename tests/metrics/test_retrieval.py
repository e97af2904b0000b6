"""Ranks against a loop over the full score matrix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.metrics.retrieval import rank_scores, retrieval, top_is_true, true_at_1
from lib.metrics.rows import FLOAT32_TIE, count_copies


def by_loop(scores: np.ndarray, owner: np.ndarray, before: float) -> tuple[list[float], list[float]]:
    def rank(target: float, others: np.ndarray) -> float:
        better, tied = (others > target + 1e-9).sum(), (np.abs(others - target) <= 1e-9).sum()
        return 1 + better + before * tied

    image = [rank(scores[i, owner == i].max(), scores[i, owner != i]) for i in range(len(scores))]
    text = [rank(scores[owner[j], j], np.delete(scores[:, j], owner[j])) for j in range(len(owner))]
    return image, text


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(0, 9), st.sampled_from(["average", "pessimistic"]))
def test_ranks_equal_the_loop(seed: int, n: int, more: int, ties: str) -> None:
    rng = np.random.default_rng(seed)
    owner = rng.permutation(np.concatenate([np.arange(n), rng.integers(n, size=more)]))
    image, text = rng.integers(1, 4, size=(n, 2)), rng.integers(1, 4, size=(n + more, 2))  # many exact ties
    result = retrieval(image, text, owner, ties=ties, chunk=int(rng.integers(1, 6)))  # type: ignore[arg-type]
    x, y = (m / np.linalg.norm(m, axis=1, keepdims=True) for m in (image, text))
    expected_image, expected_text = by_loop(x @ y.T, owner, 0.5 if ties == "average" else 1.0)
    np.testing.assert_array_equal(result.image_to_text.ranks, expected_image)
    np.testing.assert_array_equal(result.text_to_image.ranks, expected_text)
    assert result.image_to_text.recall(3) == np.mean(np.array(expected_image) <= 3)
    assert result.text_to_image.median == np.median(expected_text)


def test_perfect_and_collapsed_embeddings() -> None:
    perfect = retrieval(np.eye(5), np.eye(5))
    assert perfect.image_to_text.recall(1) == perfect.text_to_image.recall(1) == 1
    collapsed = retrieval(np.ones((5, 3)), np.ones((5, 3)))
    assert collapsed.image_to_text.recall(1) == 0
    assert collapsed.text_to_image.median == 3  # (n + 1) / 2
    assert retrieval(np.ones((5, 3)), np.ones((5, 3)), ties="pessimistic").image_to_text.median == 5


def test_copies_are_counted_and_found_in_their_share_of_orders() -> None:
    rows = np.random.default_rng(0).standard_normal((10, 6)).astype(np.float32)
    image, text = (np.repeat(part, 2, axis=0) for part in (rows, rows))
    found = retrieval(image, text)
    for side in (found.image_to_text, found.text_to_image):
        assert [side.recall(k) for k in (1, 2)] == [0.0, 1.0]
        assert [side.credited_recall(k) for k in (1, 2, 3)] == [0.5, 1.0, 1.0]
    assert count_copies(image) == 10 and count_copies(rows) == 0 and count_copies(-rows) == 0
    random = np.random.default_rng(1)
    text = np.repeat(rows + 0.3 * random.standard_normal(rows.shape), 2, axis=0)
    near = image * (1 + 3e-7 * random.standard_normal(image.shape).astype(np.float32))
    exact = retrieval(image, text).text_to_image.ranks
    assert (retrieval(near, text).text_to_image.ranks != exact).any()
    np.testing.assert_array_equal(retrieval(near, text, tie=FLOAT32_TIE).text_to_image.ranks, exact)


@given(st.integers(0, 10**6), st.integers(2, 7), st.integers(1, 3))
def test_the_credit_of_a_tie_is_the_mean_over_all_orders(seed: int, n: int, k: int) -> None:
    """A caption with scores from few values: in each order of the candidates, equal ones stay as they come."""
    scores = np.random.default_rng(seed).integers(0, 3, (n, n)).astype(float)
    own = np.diagonal(scores).copy()
    found = rank_scores([scores], own, np.arange(n)).text_to_image
    hits = []
    for caption in range(n):
        column = scores[:, caption]
        rivals = [other for other in range(n) if other != caption]
        better = sum(column[other] > own[caption] for other in rivals)
        tied = sum(column[other] == own[caption] for other in rivals)
        places = [better + before + 1 for before in range(tied + 1)]  # all equally likely
        hits.append(np.mean([place <= k for place in places]))
    assert found.credited_recall(k) == pytest.approx(np.mean(hits))
    assert retrieval(np.eye(n), np.eye(n)).text_to_image.credited_recall(k) == 1


def test_any_caption_of_the_image_counts() -> None:
    image, text = np.eye(2), np.array([[0.0, 1.0], [1.0, 0.0], [0.6, 0.8]])
    result = retrieval(image, text, np.array([0, 0, 1]))
    np.testing.assert_array_equal(result.image_to_text.ranks, [1, 2])
    np.testing.assert_array_equal(result.text_to_image.ranks, [2, 1, 1])


def test_truth_counts_captions_of_other_images_too() -> None:
    image, text = np.eye(3), np.eye(3)[[1, 0, 2]]
    truth = np.eye(3, dtype=bool)
    truth[0, 1] = True  # caption 1 is true of image 0 as well, and nearest to it
    np.testing.assert_array_equal(true_at_1(image, text, truth, chunk=2), [1, 0, 1])
    np.testing.assert_array_equal(true_at_1(image, text, lambda rows: truth[rows], chunk=1), [1, 0, 1])
    np.testing.assert_array_equal(true_at_1(text, image, truth.T), [0, 1, 1])
    np.testing.assert_allclose(true_at_1(np.ones((3, 2)), np.ones((3, 2)), truth), [2 / 3, 1 / 3, 1 / 3])
    # Equal but for rounding is a tie as well.
    nearly = np.array([[1.0, 0.0], [1.0, 1e-5]])
    np.testing.assert_allclose(true_at_1(nearly[:1], nearly, np.array([[True, False]])), [0.5])


def test_the_top_by_truth_against_loops() -> None:
    rng = np.random.default_rng(2)
    scores, truth = rng.integers(3, size=(20, 5)) / 2, rng.random((20, 5)) < 0.3
    for row, true, found in zip(scores, truth, top_is_true(scores, truth), strict=True):
        best = [candidate for candidate in range(5) if row[candidate] == row.max()]
        assert found == pytest.approx(np.mean([true[candidate] for candidate in best]))


def test_errors_are_one_line() -> None:
    x, pair = np.eye(3), np.array([0, 1, 1])
    with pytest.raises(CompanionError, match=r"^3 images and 2 captions; say by `owner` whose caption each is$"):
        retrieval(x, x[:2])
    with pytest.raises(CompanionError, match=r"owner of shape \(2,\)"):
        retrieval(x, x, pair[:2])
    with pytest.raises(CompanionError, match="type float64 for 3 captions"):
        retrieval(x, x, pair * 1.0)
    with pytest.raises(CompanionError, match="owner names images 0 to 3 of 3"):
        retrieval(x, x, np.array([0, 1, 3]))
    with pytest.raises(CompanionError, match="owner names images -1 to 2 of 3"):
        retrieval(x, x, np.array([0, -1, 2]))
    with pytest.raises(CompanionError, match="queries have 3 dimensions and candidates 2"):
        true_at_1(x, np.ones((3, 2)), np.ones((3, 3), bool))
    with pytest.raises(CompanionError, match="image 2 has no caption"):
        retrieval(x, x, pair)
    with pytest.raises(CompanionError, match="ties 'lucky'; known: average, pessimistic"):
        retrieval(x, x, ties="lucky")  # type: ignore[arg-type]
    with pytest.raises(CompanionError, match="image embeddings have 3 dimensions and text embeddings 2"):
        retrieval(x, np.ones((3, 2)))
    with pytest.raises(CompanionError, match=r"truth of shape \(3, 2\) and type bool"):
        true_at_1(x, x, np.ones((3, 2), bool))
    with pytest.raises(CompanionError, match="type float64 for scores"):
        true_at_1(x, x, np.ones((3, 3)))
    with pytest.raises(CompanionError, match="scores of 2 images for captions of 3"):
        rank_scores([x[:2]], np.ones(3), np.arange(3))
    with pytest.raises(CompanionError, match=r"scores of shape \(2, 3\) after 2 images for 3 images and 3 captions"):
        rank_scores([x[:2], x[:2]], np.ones(3), np.arange(3))
