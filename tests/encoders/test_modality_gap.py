"""The dial of the modality gap: where the means go, and what stays."""

from __future__ import annotations

import numpy as np
import pytest

from lib.data.sets.coco_vectors import coco500
from lib.encoders.embeddings import Embeddings
from lib.encoders.modality_gap import MEAN_SQUARE, MEANS_COSINE, move_rows, set_gap
from lib.metrics.gap import modality_gap


def pairs(n: int = 4000, d: int = 64) -> Embeddings:
    """Pairs that share a part, around means of their own."""
    rng = np.random.default_rng(1)
    common, image, text = rng.standard_normal((3, n, d))
    rows = [(common + own + offset).astype(np.float32) for own, offset in ((image, 0.7), (text, -0.2))]
    return Embeddings(np.arange(n).astype(str), *rows, "pairs", False, {"pairs": n}).unit()


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_means_lie_where_the_strength_says(strength: float) -> None:
    data = pairs()
    moved = set_gap(data, data, strength)
    means = [moved.tower(tower).mean(axis=0) for tower in ("image", "text")]
    share = strength * MEAN_SQUARE
    assert [float(mean @ mean) for mean in means] == pytest.approx([share, share], abs=0.02)
    assert float(means[0] @ means[1]) == pytest.approx(share * MEANS_COSINE, abs=0.02)
    assert modality_gap(moved.image, moved.text).l2m == pytest.approx(np.sqrt(2 * share * (1 - MEANS_COSINE)), abs=0.02)
    np.testing.assert_allclose(np.linalg.norm(moved.tower("text"), axis=1), 1, atol=1e-5)


def test_what_distinguishes_pairs_stays() -> None:
    data = pairs(1000)
    moved = set_gap(data, data, 1.0)
    for tower in ("image", "text"):
        old, new = (rows.tower(tower) - rows.tower(tower).mean(axis=0) for rows in (data, moved))
        cosines = (old * new).sum(axis=1) / (np.linalg.norm(old, axis=1) * np.linalg.norm(new, axis=1))
        assert cosines.min() > 0.9


def test_a_row_by_hand() -> None:
    data = pairs(50)
    mean = data.tower("image").mean(axis=0)
    own = (data.tower("image")[3] - mean) / np.linalg.norm(data.tower("image")[3] - mean)
    plain = move_rows(data.tower("image"), mean, "image", 0.0)[3]
    np.testing.assert_allclose(plain, own, atol=1e-5)
    half = move_rows(data.tower("image"), mean, "image", 0.5)[3] - np.sqrt(1 - 0.5 * MEAN_SQUARE) * own
    other = move_rows(data.tower("image"), mean, "image", 0.5)[4]
    assert np.linalg.norm(half) > 0.3 and not np.allclose(other, half)


def test_strengths_and_the_rows_behind_the_means_have_keys_of_their_own() -> None:
    data = pairs(20)
    moved = [set_gap(data, data, 0.5), set_gap(data, data, 1.0), set_gap(data, data.rows(np.arange(5), "few"), 1.0)]
    assert len({str(one.identity) for one in moved}) == 3


@pytest.mark.data
def test_the_numbers_are_those_of_clip(cache: object, data_root: object) -> None:
    ids, image, text, identity = coco500()
    real = Embeddings(ids, image, text, "CLIP", False, identity).unit()
    means = [real.tower(tower).mean(axis=0) for tower in ("image", "text")]
    squares = [float(mean @ mean) for mean in means]
    assert np.mean(squares) == pytest.approx(MEAN_SQUARE, abs=0.01)
    assert float(means[0] @ means[1]) / np.sqrt(np.prod(squares)) == pytest.approx(MEANS_COSINE, abs=0.01)
