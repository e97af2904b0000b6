"""Agreement of codes against loops over pairs."""

from __future__ import annotations

import numpy as np
import pytest

from lib.data.errors import CompanionError
from lib.metrics.code_overlap import common_latents, frequent, overlap, without
from lib.sae.codes import SparseCodes


def codes(seed: int, n: int = 20, width: int = 9) -> tuple[np.ndarray, SparseCodes]:
    rng = np.random.default_rng(seed)
    matrix = rng.random((n, width)) * (rng.random((n, width)) < 0.4)
    matrix[:, 0] = 1
    matrix[3] = 0
    return matrix, SparseCodes.from_matrix(np.arange(n), matrix)


def test_overlap_by_loops() -> None:
    (v, image), (t, text) = codes(0), codes(1)

    def agree(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
        norms = np.linalg.norm(a) * np.linalg.norm(b)
        own = (a > 0).sum()
        return (a @ b / norms if norms else 0.0, ((a > 0) & (b > 0)).sum() / own if own else 0.0)

    own = np.mean([agree(v[i], t[i]) for i in range(20)], axis=0)
    other = np.mean([agree(v[i], t[i - 1]) for i in range(20)], axis=0)
    found = overlap(image, text)
    assert (found.cosine, found.shared) == pytest.approx(own)
    assert (found.cosine_random, found.shared_random) == pytest.approx(other)


def test_frequent_latents_and_their_removal() -> None:
    (v, image), (_, text) = codes(0), codes(1)
    often = frequent(image, text)
    assert often[0] and not often.all()
    kept = without(image, often).dense()
    np.testing.assert_array_equal(kept, v * ~often)


def test_frequent_is_more_than_a_share_of_either_tower() -> None:
    v, t = np.ones((4, 3)), np.zeros((4, 3))
    v[2:, :2], t[:3, 1] = 0, 1
    image, text = (SparseCodes.from_matrix(np.arange(4), matrix) for matrix in (v, t))
    assert frequent(image, text).tolist() == frequent(text, image).tolist() == [False, True, True]
    assert frequent(image, text, 0.75).tolist() == [False, False, True]


def test_common_latents() -> None:
    (v, image), (t, text) = codes(0), codes(1)
    both = common_latents(image, text)
    np.testing.assert_array_equal(both[0].dense(), v * (t > 0))
    np.testing.assert_array_equal(both[1].dense(), t * (v > 0))


def test_errors() -> None:
    for use in (overlap, frequent, common_latents):
        with pytest.raises(CompanionError, match="20 pictures x 9 latents and 19 captions x 9"):
            use(codes(0)[1], codes(1, n=19)[1])
        with pytest.raises(CompanionError, match="20 pictures x 9 latents and 20 captions x 8"):
            use(codes(0)[1], codes(1, width=8)[1])
    two = SparseCodes.from_matrix(np.arange(2), np.eye(2))
    assert (overlap(two, two).cosine, overlap(two, two).cosine_random) == (1, 0)
    with pytest.raises(CompanionError, match="random pairs need at least 2"):
        one = SparseCodes.from_matrix(np.arange(1), np.ones((1, 3)))
        overlap(one, one)
