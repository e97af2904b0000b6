"""False rate, drop rate and hard negatives against loops over the full score matrix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.metrics.hard_negatives import accuracy_table, preferred
from lib.metrics.retrieval import retrieval
from lib.metrics.robustness import attack


def by_loop(original: np.ndarray, altered: np.ndarray, right: np.ndarray) -> tuple[float, float, float]:
    """Ranks without and with the altered candidates, and the share of altered ones among the first, for one query."""
    best = max(score for score, mine in zip(original, right, strict=True) if mine)
    wrong = [score for score, mine in zip(original, right, strict=True) if not mine]

    def rank(others: list[float]) -> float:
        return 1 + sum(score > best for score in others) + 0.5 * sum(score == best for score in others)

    top = max([*original, *altered])
    first = [score == top for score in [*original, *altered]]
    return rank(wrong), rank([*wrong, *altered]), sum(first[len(original) :]) / sum(first)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(0, 6), st.integers(0, 8), st.integers(1, 4))
def test_both_directions_equal_the_loop(seed: int, n: int, more: int, extra: int, chunk: int) -> None:
    rng = np.random.default_rng(seed)
    owner = rng.permutation(np.concatenate([np.arange(n), rng.integers(n, size=more)]))
    for queries, candidates in ((np.arange(n), owner), (owner, np.arange(n))):
        original = rng.integers(0, 4, size=(len(queries), len(candidates))) / 4
        altered = rng.integers(0, 4, size=(len(queries), extra)) / 4
        rows = range(0, len(queries), chunk)
        found = attack(((original[i : i + chunk], altered[i : i + chunk]) for i in rows), queries, candidates)
        expected = [by_loop(original[q], altered[q], queries[q] == candidates) for q in range(len(queries))]
        parts = (found.clean.ranks, found.attacked.ranks, found.fooled)
        for mine, column in zip(parts, zip(*expected, strict=True), strict=True):
            np.testing.assert_allclose(mine, column, atol=1e-12)
        assert found.false_rate == pytest.approx(np.mean([fooled for *_, fooled in expected]))


def test_clean_ranks_are_those_of_retrieval() -> None:
    rng = np.random.default_rng(0)
    image, text = (m / np.linalg.norm(m, axis=1, keepdims=True) for m in rng.normal(size=(2, 30, 4)))
    owner = np.concatenate([np.arange(10), rng.integers(10, size=20)])
    plain = retrieval(image[:10], text, owner)
    scores, none = image[:10] @ text.T, np.zeros((30, 0))
    to_text = attack([(scores, none[:10])], np.arange(10), owner)
    to_image = attack([(scores.T, none)], owner, np.arange(10))
    np.testing.assert_array_equal(to_text.clean.ranks, plain.image_to_text.ranks)
    np.testing.assert_array_equal(to_image.attacked.ranks, plain.text_to_image.ranks)
    assert to_text.false_rate == to_image.false_rate == to_text.drop_rate() == 0


def test_rates_by_hand() -> None:
    original = np.array([[0.9, 0.1], [0.8, 0.7]])  # the second query fails without any attack
    altered = np.array([[1.0, 0.0], [0.1, 0.1]])
    found = attack([(original, altered)], np.arange(2), np.arange(2))
    assert found.clean.ranks.tolist() == [1, 2] and found.attacked.ranks.tolist() == [2, 2]
    assert found.fooled.tolist() == [1, 0] and found.drop_rate() == 1.0 and found.drop_rate(2) == 0.0
    nothing = attack([(np.array([[0.1, 0.9]]), altered[:1])], np.array([0]), np.arange(2))
    assert np.isnan(nothing.drop_rate())


@pytest.mark.parametrize(
    ("blocks", "queries", "says"),
    [
        ([(np.zeros((1, 3)), np.zeros((1, 1)))], [0], r"shapes \(1, 3\) and \(1, 1\) after 0 of 1 queries"),
        ([(np.zeros((1, 2)), np.zeros((2, 1)))], [0], r"shapes \(1, 2\) and \(2, 1\)"),
        ([(np.zeros((1, 2)), np.zeros((1, 1)))], [0, 1], "scores of 1 queries for 2 labels"),
        ([(np.zeros((1, 2)), np.array([[0.0, np.inf]]))], [0], "NaN or infinity"),
        ([(np.array([[0.0, np.nan]]), np.zeros((1, 1)))], [0], "NaN or infinity"),
        ([(np.zeros((1, 2)), np.zeros((1, 1)))], [5], "query 0 has no right candidate"),
        ([(np.zeros((1, 2)), np.zeros((1, 1)))] * 2, [0, 5], "query 1 has no right candidate"),
        ([(np.zeros((2, 2)), np.zeros((2, 1)))], [0], r"shapes \(2, 2\) and \(2, 1\) after 0 of 1 queries"),
        ([], [], "scores of 0 queries"),
    ],
)
def test_wrong_blocks(blocks: list[tuple[np.ndarray, np.ndarray]], queries: list[int], says: str) -> None:
    with pytest.raises(CompanionError, match=says):
        attack(blocks, np.array(queries), np.arange(2))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=9))
def test_preferences_equal_the_loop(scores: list[tuple[int, int]]) -> None:
    right, wrong = (np.array(column) / 4 for column in zip(*scores, strict=True))
    assert preferred(right, wrong).tolist() == [1.0 if a > b else 0.5 if a == b else 0.0 for a, b in scores]
    np.testing.assert_array_equal(preferred(right, wrong), 1 - preferred(wrong, right))


def test_accuracy_of_subsets() -> None:
    table = accuracy_table({"swap": preferred(np.array([1.0, 0.0]), np.array([0.0, 0.0])), "add": np.array([0.25])})
    assert table.subset.tolist() == ["swap", "add", "mean"]
    assert table["items"].tolist() == [2, 1, 3] and table.accuracy.tolist() == [0.75, 0.25, 0.5]
    with pytest.raises(CompanionError, match="no subsets"):
        accuracy_table({})


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ([1.0], [1.0, 2.0], "give each item one of both"),
        ([], [], "give each"),
        ([[1.0]], [[1.0]], "give each"),
        ([np.nan, 1.0], [1.0, 1.0], "NaN"),
        ([1.0, 1.0], [1.0, np.inf], "NaN"),
    ],
)
def test_wrong_scores(right: list[float], wrong: list[float], says: str) -> None:
    with pytest.raises(CompanionError, match=says):
        preferred(np.array(right), np.array(wrong))
