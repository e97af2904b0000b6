"""Constructed latents, in a made-up world in which what each of them must score is known."""

from __future__ import annotations

import numpy as np
import pytest

from lib.encoders.embeddings import Embeddings
from lib.metrics.constructed_latents import nearest_images, resized
from lib.metrics.monosemanticity import monosemanticity

CLUSTERS, EACH = 8, 25
"""Directions of the made-up judge, at right angles, and images along each of them."""


@pytest.fixture
def judge() -> Embeddings:
    """Images of one cluster have cosine 1, of two clusters cosine 0."""
    rows = np.repeat(np.eye(CLUSTERS, dtype=np.float32), EACH, axis=0)
    rows = rows[np.random.default_rng(1).permutation(len(rows))] * 3
    return Embeddings(np.arange(len(rows)).astype(str), rows, None, "made up", False, {"made": "up"})


def test_nearest_images_are_those_of_one_cluster(judge: Embeddings) -> None:
    codes = nearest_images(judge, 30, EACH, seed=0)
    assert codes.width == 30 and set(codes.values) == {1.0}
    scores = monosemanticity(codes, judge.tower("image"))
    np.testing.assert_array_equal(scores.support, EACH)
    np.testing.assert_allclose(scores.score, 1, atol=1e-9)


def test_more_images_than_are_alike_lower_the_score_as_far_as_they_must(judge: Embeddings) -> None:
    """With two clusters in full, about every other pair is of one cluster."""
    scores = monosemanticity(nearest_images(judge, 30, 2 * EACH, seed=0), judge.tower("image"))
    assert scores.score.max() < 0.52 and scores.score.min() > 0.2


def test_other_seeds_have_other_centres_and_the_same_seed_the_same(judge: Embeddings) -> None:
    first, again, other = (nearest_images(judge, 5, EACH, seed).dense() for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_no_latent_is_active_on_more_images_than_there_are(judge: Embeddings) -> None:
    assert (nearest_images(judge, 3, 10_000, seed=0).dense() == 1).all()


def test_fewer_latents_mix_and_more_have_others_beside_them_that_mean_nothing(judge: Embeddings) -> None:
    pure = nearest_images(judge, 40, EACH, seed=0)
    np.testing.assert_array_equal(resized(pure, 40, seed=0).dense(), pure.dense())
    mixed = resized(pure, 10, seed=0)
    by_hand = np.stack([pure.dense()[:, at::10].max(axis=1) for at in range(10)], axis=1)
    np.testing.assert_array_equal(mixed.dense(), by_hand)
    wider = resized(pure, 90, seed=0)
    assert wider.width == 90
    np.testing.assert_array_equal(wider.dense()[:, :40], pure.dense())
    chance = monosemanticity(np.random.default_rng(0).random((len(judge), 1)), judge.tower("image")).chance
    means = {
        name: monosemanticity(codes, judge.tower("image")).score.mean()
        for name, codes in (("pure", pure), ("mixed", mixed), ("wider", wider))
    }
    assert means["mixed"] < 0.6 < means["pure"]
    assert means["wider"] == pytest.approx((40 + 50 * chance) / 90, abs=0.03)
