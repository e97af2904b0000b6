"""Census, search on codes, probe, stability and relevance against loops over rows and latents."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.metrics.census import census
from lib.metrics.code_search import code_retrieval, code_zero_shot
from lib.metrics.paired_codes import unit_codes
from lib.metrics.probe import probe_parts
from lib.metrics.relevance import average_precision
from lib.metrics.stability import stability
from lib.sae.codes import SparseCodes

SEEDS = st.integers(0, 999)


def codes_of(matrix: np.ndarray) -> SparseCodes:
    return SparseCodes.from_matrix(np.arange(len(matrix)).astype(str), matrix)


def drawn(seed: int, n: int = 8, width: int = 6) -> np.ndarray:
    """Codes with an empty row and a dead latent."""
    rng = np.random.default_rng(seed)
    matrix = rng.random((n, width)) * (rng.random((n, width)) < 0.4)
    matrix[2], matrix[:, 1] = 0, 0
    return matrix


def both(seed: int, width: int = 6) -> tuple[np.ndarray, np.ndarray]:
    return drawn(seed, width=width), drawn(seed + 1000, width=width)


@given(SEEDS)
def test_census_equals_the_loop(seed):
    a, b = both(seed)
    found = census(codes_of(a), codes_of(b))
    counts = {"first": 0, "second": 0, "both": 0, "dead": 0}
    inside = total = 0.0
    for k in range(6):
        uses = (bool((a[:, k] > 0).any()), bool((b[:, k] > 0).any()))
        counts[{(1, 0): "first", (0, 1): "second", (1, 1): "both", (0, 0): "dead"}[uses]] += 1
        energy = (a[:, k].mean(), b[:, k].mean())
        total += sum(energy)
        if sum(energy) and 0.2 < energy[0] / sum(energy) < 0.8:
            inside += sum(energy)
    assert counts == {name: getattr(found, name) for name in counts} and sum(counts.values()) == 6
    assert found.balanced_energy == pytest.approx(inside / total)
    assert np.isnan(found.modality_score[1])


def test_a_split_dictionary_and_a_silent_one():
    a, b = np.eye(4)[[0, 1]], np.eye(4)[[2, 3]]
    split = census(codes_of(a), codes_of(b))
    assert (split.both, split.balanced_energy) == (0, 0.0)
    assert census(codes_of(0 * a), codes_of(0 * b)).balanced_energy == 0.0
    assert code_retrieval(codes_of(a), codes_of(b)).image_to_text.recall(1) == 0  # all candidates tie


@given(SEEDS)
def test_search_equals_sorting(seed):
    a, b = both(seed)
    scores = (unit_codes(codes_of(a)) @ unit_codes(codes_of(b)).T).toarray()
    found = code_retrieval(codes_of(a), codes_of(b), chunk=3)
    slow = [(row >= row[i] - 1e-9).sum() for i, row in enumerate(scores)]
    assert found.image_to_text.ranks.tolist() == slow
    assert found.text_to_image.ranks.tolist() == [(row >= row[i] - 1e-9).sum() for i, row in enumerate(scores.T)]
    labels = np.arange(8) % 5
    hits = code_zero_shot(codes_of(a), codes_of(b[:5]), labels, chunk=3).hits
    assert hits.tolist() == [(row[:5] >= row[y] - 1e-9).sum() == 1 for row, y in zip(scores, labels, strict=True)]


@given(SEEDS)
def test_probe_parts_add_up_to_the_score(seed):
    rng = np.random.default_rng(seed)
    z, decoder, w = drawn(seed), rng.standard_normal((6, 4)), rng.standard_normal(4)
    positive = np.arange(8) < 3
    parts = probe_parts(w, decoder, codes_of(z), positive)
    assert parts.contribution.sum() == pytest.approx((z[positive] @ decoder @ w).mean())
    assert parts.top(2).tolist() == sorted(range(6), key=lambda j: -parts.contribution[j])[:2]


def test_stability_is_the_best_permutation_and_one_for_the_same_dictionary():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 5, 4))
    unit = [m / np.linalg.norm(m, axis=1, keepdims=True) for m in (a, b)]
    best = max(np.mean([unit[0][i] @ unit[1][j] for i, j in enumerate(p)]) for p in permutations(range(5)))
    assert stability(a, b) == pytest.approx(best)
    assert stability(a, 3 * a[::-1]) == pytest.approx(1)


@given(SEEDS)
def test_average_precision_equals_the_loop(seed):
    rng = np.random.default_rng(seed)
    queries, gallery, relevant = rng.standard_normal((3, 4)), rng.standard_normal((9, 4)), np.arange(9) % 3 == 0
    unit = gallery / np.linalg.norm(gallery, axis=1, keepdims=True)
    for query, found in zip(queries, average_precision(queries, gallery, relevant), strict=True):
        order = np.argsort(-(unit @ query))
        ranks = [place for place, item in enumerate(order, 1) if relevant[item]]
        assert found == pytest.approx(np.mean([i / rank for i, rank in enumerate(ranks, 1)]))


def test_one_row_of_each_is_enough():
    one = codes_of(np.array([[0.5, 0.0, 2.0]]))
    found = census(one, one)
    assert (found.both, found.dead, found.balanced_energy) == (2, 1, 1.0)
    assert code_retrieval(one, one).image_to_text.ranks.tolist() == [1]
    assert code_zero_shot(one, one, np.zeros(1, int)).accuracy == 1


def test_a_stored_zero_is_no_activation():
    zero = SparseCodes(np.array(["a", "b"]), np.array([0, 1, 2]), np.array([0, 1]), np.array([0.0, 2.0]), 3)
    found = census(zero, zero)
    assert (found.both, found.dead) == (1, 2)


def test_energy_on_the_edge_of_the_band_is_not_balanced():
    a, b = codes_of(np.array([[1.0, 4.0, 1.0]])), codes_of(np.array([[4.0, 1.0, 3.0]]))
    found = census(a, b)
    assert found.modality_score.tolist() == [0.2, 0.8, 0.25]
    assert found.balanced_energy == pytest.approx(4 / 14)


A, B, NONE = codes_of(drawn(0)), codes_of(drawn(1, width=5)), codes_of(np.zeros((0, 6)))
HALF = codes_of(drawn(0)[:4])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: census(A, B), r"shapes \(8, 6\) and \(8, 5\); give rows of both from one dictionary"),
        (lambda: census(A, NONE), r"shapes \(8, 6\) and \(0, 6\); give rows of both from one"),
        (lambda: census(NONE, A), r"shapes \(0, 6\) and \(8, 6\); give rows of both from one"),
        (lambda: code_retrieval(A, B), r"shapes \(8, 6\) and \(8, 5\); give rows of both from one dictionary"),
        (lambda: code_retrieval(A, NONE), r"shapes \(8, 6\) and \(0, 6\); give rows of both"),
        (lambda: code_retrieval(A, HALF), "codes of 8 and 4 rows; row i of both is pair i"),
        (lambda: code_zero_shot(A, B, np.zeros(8, int)), r"shapes \(8, 6\) and \(8, 5\); give rows of both"),
        (lambda: code_zero_shot(NONE, A, np.zeros(0, int)), r"shapes \(0, 6\) and \(8, 6\); give rows of both"),
        (lambda: code_zero_shot(A, A, np.full(8, 9)), "labels from 9 to 9 for 8 classes"),
        (lambda: code_zero_shot(A, A, np.zeros(3, int)), "labels of shape"),
        (lambda: probe_parts(np.ones(3), np.ones((6, 4)), A, np.ones(8, bool)), "give those of one model"),
        (lambda: probe_parts(np.ones(4), np.ones((5, 4)), A, np.ones(8, bool)), "give those of one model"),
        (lambda: probe_parts(np.ones(4), np.ones((6, 4)), A, np.zeros(8, bool)), "give booleans, one true"),
        (lambda: probe_parts(np.ones(4), np.ones((6, 4)), A, np.ones(7, bool)), "give booleans, one true"),
        (lambda: probe_parts(np.ones(4), np.ones((6, 4)), A, np.ones(8, int)), "give booleans, one true"),
        (lambda: average_precision(np.ones((1, 2)), np.ones((3, 2)), np.zeros(3, bool)), "give booleans, one true"),
        (lambda: average_precision(np.ones((1, 2)), np.ones((3, 2)), np.ones(2, bool)), "give booleans, one true"),
        (lambda: average_precision(np.ones((1, 2)), np.ones((3, 2)), np.ones(3, int)), "give booleans, one true"),
        (lambda: average_precision(np.ones((1, 2)), np.ones((3, 3)), np.ones(3, bool)), "gallery 3; embed both with"),
        (lambda: stability(np.ones((2, 3)), np.ones((2, 4))), "rows have 3 dimensions and second decoder rows 4"),
    ],
)
def test_errors(call, message):
    with pytest.raises(CompanionError, match=message):
        call()
