"""Zero-shot accuracy against a loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.metrics.zero_shot import zero_shot


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 5), st.integers(1, 13))
def test_equals_the_loop(seed: int, n: int, classes: int, chunk: int) -> None:
    rng = np.random.default_rng(seed)
    image, names = rng.normal(size=(n, 3)), rng.normal(size=(classes, 3))
    labels = rng.integers(classes, size=n)
    result = zero_shot(image, names, labels, chunk=chunk)
    unit = names / np.linalg.norm(names, axis=1, keepdims=True)
    expected = [int(np.argmax(unit @ x)) == label for x, label in zip(image, labels, strict=True)]
    np.testing.assert_array_equal(result.hits, expected)
    assert result.accuracy == pytest.approx(np.mean(expected))
    for label in range(classes):
        members = labels == label
        if members.any():
            assert result.by_class[label] == pytest.approx(np.array(expected)[members].mean())
        else:
            assert np.isnan(result.by_class[label])


def test_ties_are_misses() -> None:
    assert zero_shot(np.ones((4, 2)), np.ones((3, 2)), np.zeros(4, int)).accuracy == 0
    # Equal but for rounding is a tie as well.
    assert zero_shot(np.eye(2)[:1], np.array([[1.0, 0.0], [1.0, 1e-5]]), np.zeros(1, int)).accuracy == 0


def test_errors_are_one_line() -> None:
    x = np.eye(3)
    with pytest.raises(CompanionError, match=r"^labels of shape \(2,\) and type int64 for 3 images"):
        zero_shot(x, x, np.array([0, 1]))
    with pytest.raises(CompanionError, match="type float64 for 3 images"):
        zero_shot(x, x, np.zeros(3))
    with pytest.raises(CompanionError, match="labels from 0 to 3 for 3 classes"):
        zero_shot(x, x, np.array([0, 1, 3]))
    with pytest.raises(CompanionError, match="labels from -1 to 1 for 3 classes"):
        zero_shot(x, x, np.array([0, 1, -1]))
    with pytest.raises(CompanionError, match=r"labels of shape \(3, 1\)"):
        zero_shot(x, x, np.zeros((3, 1), int))
    with pytest.raises(CompanionError, match="image embeddings have 3 dimensions and class embeddings 2"):
        zero_shot(x, np.ones((3, 2)), np.zeros(3, int))
