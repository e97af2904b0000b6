"""The modality gap against means over explicit pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.metrics.gap import modality_gap


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.integers(1, 15))
def test_equals_the_explicit_pairs(seed: int, n: int, chunk: int) -> None:
    rng = np.random.default_rng(seed)
    image, text = rng.normal(size=(n, 4)) + 0.5, rng.normal(size=(n, 4)) - 0.5
    gap = modality_gap(image, text, chunk=chunk)
    x, y = (m / np.linalg.norm(m, axis=1, keepdims=True) for m in (image, text))
    distinct = ~np.eye(n, dtype=bool)
    p = ((1 - np.diag(x @ y.T)) / 2).mean()
    i, t = (((1 - m @ m.T) / 2)[distinct].mean() for m in (x, y))
    assert gap.l2m == pytest.approx(np.linalg.norm(x.mean(0) - y.mean(0)), abs=1e-12)
    assert gap.rmg == pytest.approx(p / (p + (i + t) / 2), abs=1e-12)
    assert gap.matched == pytest.approx(np.diag(x @ y.T).mean(), abs=1e-12)
    assert gap.random == pytest.approx((x @ y.T)[distinct].mean(), abs=1e-12)
    assert gap.image_image == pytest.approx((x @ x.T)[distinct].mean(), abs=1e-12)
    assert gap.text_text == pytest.approx((y @ y.T)[distinct].mean(), abs=1e-12)
    assert gap.rows == n


def test_equal_towers_have_no_gap_and_opposite_cones_the_largest() -> None:
    x = np.random.default_rng(0).normal(size=(6, 3))
    none = modality_gap(x, 2 * x)
    assert none.l2m == pytest.approx(0, abs=1e-12)
    assert none.rmg == pytest.approx(0, abs=1e-12)
    cone = np.tile([1.0, 0.0], (4, 1))
    opposite = modality_gap(cone, -cone)
    assert opposite.l2m == pytest.approx(2)
    assert opposite.rmg == pytest.approx(1)


def test_errors_are_one_line() -> None:
    x = np.eye(3)
    with pytest.raises(CompanionError, match=r"^3 rows of image embeddings and 2 of text embeddings; row i of both"):
        modality_gap(x, x[:2])
    with pytest.raises(CompanionError, match="image embeddings have 3 dimensions and text embeddings 2"):
        modality_gap(x, x[:, :2] + 1)
    with pytest.raises(CompanionError, match=r"text embeddings have shape \(3,\)"):
        modality_gap(x, np.ones(3))
    with pytest.raises(CompanionError, match="there is only one; give at least 2"):
        modality_gap(x[:1], x[:1])
    with pytest.raises(CompanionError, match="text embeddings are zero in row 0"):
        modality_gap(x, x * 0)
    with pytest.raises(CompanionError, match="all embeddings have one direction"):
        modality_gap(np.ones((3, 2)), np.ones((3, 2)))
    with pytest.raises(CompanionError, match=r"image embeddings have shape \(0, 3\)"):
        modality_gap(x[:0], x[:0])
