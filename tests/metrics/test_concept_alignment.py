"""Intra, inter and AUC against double loops."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from lib.base.errors import CompanionError
from lib.metrics.concept_alignment import concept_means, first_occurrences, intra_inter_auc, measure_alignment
from lib.metrics.top_examples import top_examples
from lib.sae.codes import SparseCodes


def rows(n: int = 30, d: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d))


def test_similarity_by_loops() -> None:
    cosines = np.round(rows(8, 8), 1)  # rounded, so that some tie
    intra = np.mean([cosines[i, i] for i in range(8)])
    others = [(i, j) for i in range(8) for j in range(8) if i != j]
    inter = np.mean([cosines[i, j] for i, j in others])
    beats = [
        (cosines[a, a] > cosines[i, j]) + 0.5 * (cosines[a, a] == cosines[i, j]) for a in range(8) for i, j in others
    ]
    assert intra_inter_auc(cosines) == pytest.approx((intra, inter, np.mean(beats)))


def test_means_by_loops() -> None:
    judge = rows()
    matrix = np.maximum(rows(30, 5, 1), 0)
    matrix[:, 4] = 0
    top = top_examples(SparseCodes.from_matrix(np.arange(30), matrix), 4)
    means = concept_means(judge, top)
    for latent in range(4):
        best = np.argsort(-matrix[:, latent], kind="stable")[:4]
        unit = judge[best] / np.linalg.norm(judge[best], axis=1, keepdims=True)
        np.testing.assert_allclose(means[latent], unit[matrix[best, latent] > 0].mean(axis=0))
    assert np.isnan(means[4]).all()


def test_latents_that_match_and_latents_that_do_not() -> None:
    image = rows(200, 20)
    same = measure_alignment(image, image, np.random.default_rng(0))
    other = measure_alignment(image, rows(200, 20, 1), np.random.default_rng(0))
    assert same.intra == pytest.approx(1) and same.auc > 0.999 and same.intra > same.floor
    assert abs(other.gap) < 0.05 and abs(other.auc - 0.5) < 0.05 and other.latents == 200
    assert len(same.gaps) == 5
    assert abs(same.dealt) < 0.05 and abs(other.dealt) < 0.05, "the lists of other latents match nothing"


def test_a_trial_draws_some_of_the_latents() -> None:
    image, text = rows(9), rows(9, seed=1)
    found = measure_alignment(image, text, np.random.default_rng(7), neurons=4, trials=1)
    chosen = np.random.default_rng(7).permutation(9)[:4]
    x, y = (m[chosen] / np.linalg.norm(m[chosen], axis=1, keepdims=True) for m in (image, text))
    assert (found.intra, found.inter, found.auc) == pytest.approx(intra_inter_auc(x @ y.T))
    assert found.gap == pytest.approx(found.gaps[0]) and len(found.gaps) == 1
    intra, inter, _ = intra_inter_auc(np.roll(x @ y.T, 1, axis=1))
    assert found.dealt == pytest.approx(intra - inter), "each latent with the captions of the one before it"
    # The floor is a mean of cosines that some permutation has, and few have more.
    means = [(x * y[list(order)]).sum(axis=1).mean() for order in permutations(range(4))]
    assert sum(mean > found.floor + 1e-12 for mean in means) in (1, 2)
    two = measure_alignment(image[:2], text[:2], np.random.default_rng(0))
    assert two.latents == 2


def test_dead_latents_are_left_out() -> None:
    image, text = rows(12), rows(12, seed=1)
    image[3], text[5] = np.nan, 0
    assert measure_alignment(image, text, np.random.default_rng(0)).latents == 10


def test_repeated_rows() -> None:
    matrix = rows(5)
    assert first_occurrences(np.concatenate([matrix, 2 * matrix[:2], rows(1, seed=3)])).tolist() == [True] * 5 + [
        False
    ] * 2 + [True]


def test_errors() -> None:
    with pytest.raises(CompanionError, match="1 latents have pictures and captions"):
        measure_alignment(rows(1), rows(1), np.random.default_rng(0))
    with pytest.raises(CompanionError, match="5 rows of image means and 4 of text means"):
        measure_alignment(rows(5), rows(4), np.random.default_rng(0))
    with pytest.raises(CompanionError, match="image means have 6 dimensions and text means 5"):
        measure_alignment(rows(5), rows(5, 5), np.random.default_rng(0))
    with pytest.raises(CompanionError, match="lists over 30 rows and a judge of 29"):
        concept_means(rows(29), top_examples(SparseCodes.from_matrix(np.arange(30), np.abs(rows())), 2))
