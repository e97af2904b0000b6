"""Agreement of the codes of pairs against loops over pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.metrics.paired_codes import (
    bridge_score,
    diagonal_share,
    frequent_latents,
    jaccard,
    keep_common_latents,
    pair_cosine,
    roll_pairs,
    shared_share,
    silence_latents,
    unit_codes,
)
from lib.sae.codes import SparseCodes

SEEDS = st.integers(0, 999)


def codes_of(matrix: np.ndarray) -> SparseCodes:
    return SparseCodes.from_matrix(np.arange(len(matrix)).astype(str), matrix)


def drawn(seed: int, n: int = 8, width: int = 6) -> np.ndarray:
    """Codes with an empty row, a dead latent and one that always fires."""
    rng = np.random.default_rng(seed)
    matrix = rng.random((n, width)) * (rng.random((n, width)) < 0.4)
    matrix[:, 0], matrix[2], matrix[:, 1] = 1, 0, 0
    return matrix


def both(seed: int) -> tuple[np.ndarray, np.ndarray]:
    return drawn(seed), drawn(seed + 1000)


@given(SEEDS)
def test_agreement_equals_the_loop(seed: int) -> None:
    a, b = both(seed)
    first, second = codes_of(a), codes_of(b)
    found = (pair_cosine(first, second), jaccard(first, second), shared_share(first, second))
    for x, y, cosine, overlap, share in zip(a, b, *found, strict=True):
        norm, shared = np.linalg.norm(x) * np.linalg.norm(y), ((x > 0) & (y > 0)).sum()
        union, own = ((x > 0) | (y > 0)).sum(), (x > 0).sum()
        assert cosine == pytest.approx(x @ y / norm if norm else 0)
        assert overlap == pytest.approx(shared / union if union else 0)
        assert share == pytest.approx(shared / own if own else 0)


def test_rolled_codes_are_those_of_the_pair_before() -> None:
    a, _ = both(0)
    rolled = roll_pairs(codes_of(a))
    np.testing.assert_array_equal(rolled.dense(), a[[7, 0, 1, 2, 3, 4, 5, 6]])
    two = codes_of(np.eye(2))
    assert pair_cosine(two, two).tolist() == [1, 1] and pair_cosine(two, roll_pairs(two)).tolist() == [0, 0]


def test_frequent_latents_are_silenced() -> None:
    a, b = both(0)
    often = frequent_latents(codes_of(a), codes_of(b))
    assert often[0] and not often.all()
    np.testing.assert_array_equal(silence_latents(codes_of(a), often).dense(), a * ~often)


def test_frequent_is_more_than_a_share_of_either_modality() -> None:
    v, t = np.ones((4, 3)), np.zeros((4, 3))
    v[2:, :2], t[:3, 1] = 0, 1
    first, second = codes_of(v), codes_of(t)
    assert frequent_latents(first, second).tolist() == frequent_latents(second, first).tolist() == [False, True, True]
    assert frequent_latents(first, second, 0.75).tolist() == [False, False, True]


def test_frequent_begins_above_one_half() -> None:
    rows = codes_of((np.arange(199)[:, None] < [99, 100]).astype(float))
    assert frequent_latents(rows, rows).tolist() == [False, True]


def test_only_common_latents_are_kept() -> None:
    a, b = both(0)
    kept = keep_common_latents(codes_of(a), codes_of(b))
    np.testing.assert_array_equal(kept[0].dense(), a * (b > 0))
    np.testing.assert_array_equal(kept[1].dense(), b * (a > 0))


@given(SEEDS)
def test_bridge_equals_the_dense_product(seed: int) -> None:
    a, b = both(seed)
    decoder = np.random.default_rng(seed).standard_normal((6, 4))
    unit = decoder / np.linalg.norm(decoder, axis=1, keepdims=True)
    slow = (a.T @ b / len(a)) * (unit @ unit.T)
    found = bridge_score(codes_of(a), codes_of(b), decoder)
    np.testing.assert_allclose(found.toarray(), slow, atol=1e-12)
    positive = np.maximum(slow, 0)
    expected = np.trace(positive) / positive.sum() if positive.sum() else 0.0
    assert diagonal_share(found) == pytest.approx(expected)


def test_a_split_dictionary_agrees_nowhere() -> None:
    first, second = codes_of(np.eye(4)[[0, 1]]), codes_of(np.eye(4)[[2, 3]])
    assert pair_cosine(first, second).tolist() == jaccard(first, second).tolist() == [0, 0]
    assert shared_share(first, second).tolist() == [0, 0]
    assert diagonal_share(bridge_score(first, second, np.ones((4, 2)))) == 0


def test_silent_codes_have_no_bridge() -> None:
    silent = codes_of(np.zeros((2, 4)))
    assert diagonal_share(bridge_score(silent, silent, np.ones((4, 2)))) == 0


def test_a_stored_zero_is_no_activation() -> None:
    zero = SparseCodes(np.array(["a", "b"]), np.array([0, 1, 2]), np.array([0, 1]), np.array([0.0, 2.0]), 3)
    assert unit_codes(zero).toarray().tolist() == [[0, 0, 0], [0, 1, 0]]
    assert pair_cosine(zero, zero).tolist() == jaccard(zero, zero).tolist() == shared_share(zero, zero).tolist()
    assert jaccard(zero, zero).tolist() == [0, 1]


def test_one_pair_is_enough_but_for_strangers() -> None:
    one = codes_of(np.array([[0.5, 0.0, 2.0]]))
    assert pair_cosine(one, one) == pytest.approx([1])
    assert jaccard(one, one).tolist() == shared_share(one, one).tolist() == [1]
    with pytest.raises(CompanionError, match="codes of 1 pairs; pairs of strangers need at least 2"):
        roll_pairs(one)


A, B, NONE = codes_of(drawn(0)), codes_of(drawn(1, width=5)), codes_of(np.zeros((0, 6)))


@pytest.mark.parametrize("use", [pair_cosine, jaccard, shared_share, frequent_latents, keep_common_latents])
def test_codes_of_other_pairs_are_refused(use) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(CompanionError, match=r"shapes \(8, 6\) and \(8, 5\); give rows of both from one dictionary"):
        use(A, B)
    with pytest.raises(CompanionError, match="codes of 8 and 4 rows; row i of both is pair i"):
        use(A, codes_of(drawn(0)[:4]))
    with pytest.raises(CompanionError, match="give rows of both from one dictionary"):
        use(NONE, NONE)


def test_a_bridge_needs_the_pairs_own_decoder() -> None:
    with pytest.raises(CompanionError, match="codes of 8 and 4 rows; row i of both is pair i"):
        bridge_score(A, codes_of(drawn(0)[:4]), np.ones((6, 2)))
    with pytest.raises(CompanionError, match="a decoder of 5 rows for codes of 6 latents; give their own"):
        bridge_score(A, A, np.ones((5, 2)))
