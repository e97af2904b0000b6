from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lib.base.errors import CompanionError
from lib.encoders.embeddings import Embeddings

IDS = np.array(["a", "b", "c"])
IMAGE = np.array([[3, 4], [0, 2], [-1, 0]], np.float32)


def make(image: np.ndarray | None = IMAGE, text: np.ndarray | None = None) -> Embeddings:
    return Embeddings(IDS, image, text, "toy", False, {"toy": 1})


def test_a_tower_is_a_matrix() -> None:
    embeddings = make(text=2 * IMAGE)
    assert len(embeddings) == 3
    assert np.array_equal(embeddings.tower("image"), IMAGE)
    assert np.array_equal(embeddings.tower("text"), 2 * IMAGE)


def test_unit_rows() -> None:
    unit = make(text=2 * IMAGE).unit()
    expected = np.array([[0.6, 0.8], [0, 1], [-1, 0]], np.float32)
    np.testing.assert_allclose(unit.tower("image"), expected)
    np.testing.assert_allclose(unit.tower("text"), expected)
    assert unit.normalised and unit.tower("image").dtype == np.float32
    assert unit.identity == {"toy": 1, "unit": True}
    assert unit.unit() is unit


@given(
    hnp.arrays(np.float32, (3, 4), elements=st.floats(-(2.0**100), 2.0**100, width=32)),
    st.integers(0, 3),
    st.floats(2.0**-20, 2.0**100, width=32),
)
def test_unit_norms_hold_at_any_scale(matrix: np.ndarray, column: int, length: float) -> None:
    matrix[:, column] = length  # no row is zero
    norms = np.linalg.norm(make(matrix).unit().tower("image"), axis=1)
    np.testing.assert_allclose(norms, 1, rtol=1e-6)


def test_rows_keeps_towers_aligned_and_says_so() -> None:
    chosen = make(text=2 * IMAGE).rows(np.array([2, 0]), "picked")
    assert chosen.ids.tolist() == ["c", "a"]
    assert np.array_equal(chosen.tower("text"), 2 * chosen.tower("image"))
    assert chosen.identity == {"toy": 1, "rows": "picked"}
    assert make().rows(np.array([0]), "one").text is None


@pytest.mark.parametrize(
    ("image", "text", "message"),
    [
        (None, None, "neither image nor text"),
        (IMAGE[:2], None, r"image embeddings of shape \(2, 2\) for 3 ids"),
        (IMAGE, IMAGE[:, 0], r"text embeddings of shape \(3,\) for 3 ids"),
        (np.where(IMAGE == 2, np.nan, IMAGE), None, "image embedding of .*'b'.* contains NaN"),
        (IMAGE, np.where(IMAGE == -1, np.inf, IMAGE), "text embedding of .*'c'.* infinity"),
    ],
)
def test_bad_matrices_are_refused(image: np.ndarray | None, text: np.ndarray | None, message: str) -> None:
    with pytest.raises(CompanionError, match=message) as caught:
        make(image, text)
    assert "\n" not in str(caught.value)


def test_a_missing_tower_is_told() -> None:
    with pytest.raises(CompanionError, match="toy has no text embeddings"):
        make().tower("text")


def test_a_zero_row_has_no_direction() -> None:
    with pytest.raises(CompanionError, match=r"embedding of .*'b'.* is zero"):
        make(np.where(IMAGE == 2, 0, IMAGE)).unit()
