"""What metrics check first, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.metrics.rows import (
    TIE,
    blocks,
    centre_words,
    check_paired,
    check_same_dictionary,
    check_same_pairs,
    check_same_space,
    finite_matrix,
    unit_rows,
)
from lib.sae.codes import SparseCodes


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.int8, np.uint8, bool])
def test_every_numeric_matrix_is_taken_as_it_is(kind: type) -> None:
    value = np.eye(2, dtype=kind)
    assert finite_matrix("rows", value) is value
    assert finite_matrix("rows", value[:1, :1]).tolist() == [[1]]


@pytest.mark.parametrize(
    "value", [np.ones(3), np.ones((2, 2, 2)), np.ones((0, 3)), np.ones((3, 0)), np.full((2, 2), "1"), np.eye(2) * 1j]
)
def test_what_is_no_numeric_matrix_is_refused(value: np.ndarray) -> None:
    with pytest.raises(CompanionError, match=r"^rows have shape .*; give a numeric matrix with one row per item$"):
        finite_matrix("rows", value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_first_row_that_is_not_finite_is_named(bad: float) -> None:
    value = np.ones((4, 3))
    value[2, 1] = value[3] = bad
    with pytest.raises(CompanionError, match=r"^rows contain NaN or infinity in row 2;"):
        finite_matrix("rows", value)


@given(st.integers(0, 999), st.sampled_from([np.float32, np.float64, np.int64]))
def test_unit_rows_equal_the_loop_and_leave_their_input(seed: int, kind: type) -> None:
    value = (np.random.default_rng(seed).normal(size=(4, 3)) * 5 + [9, 0, 0]).astype(kind)
    before = value.copy()
    unit = unit_rows("rows", value)
    assert unit.dtype == np.float64
    for row, found in zip(value.astype(np.float64), unit, strict=True):
        np.testing.assert_allclose(found, row / sum(x * x for x in row) ** 0.5, rtol=1e-14)
    np.testing.assert_array_equal(value, before)


def test_a_row_without_direction_is_named() -> None:
    with pytest.raises(CompanionError, match=r"^rows are zero in row 1, which has no direction; drop it$"):
        unit_rows("rows", np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]))


def test_lengths_and_dimensions_must_agree() -> None:
    check_paired("a", np.ones((3, 2)), "b", np.ones((3, 4)))
    check_same_space("a", np.ones((2, 3)), "b", np.ones((4, 3)))
    for first, second in ((3, 2), (2, 3)):
        with pytest.raises(CompanionError, match=f"^{first} rows of a and {second} of b; row i of both is item i$"):
            check_paired("a", np.ones((first, 2)), "b", np.ones((second, 2)))
        with pytest.raises(CompanionError, match=f"^a have {first} dimensions and b {second}; embed both"):
            check_same_space("a", np.ones((2, first)), "b", np.ones((2, second)))


def codes(n: int, width: int) -> SparseCodes:
    return SparseCodes.from_matrix(np.arange(n).astype(str), np.ones((n, width)))


def test_codes_of_one_dictionary_have_one_width_and_rows() -> None:
    check_same_dictionary(codes(1, 3), codes(2, 3))
    check_same_pairs(codes(1, 3), codes(1, 3))
    for first, second in ((codes(2, 3), codes(2, 4)), (codes(0, 3), codes(2, 3)), (codes(2, 3), codes(0, 3))):
        shapes = rf"\({len(first)}, {first.width}\) and \({len(second)}, {second.width}\)"
        for check in (check_same_dictionary, check_same_pairs):
            with pytest.raises(CompanionError, match=rf"^codes of shapes {shapes}; give rows of both from one dict"):
                check(first, second)
    with pytest.raises(CompanionError, match=r"^codes of 2 and 1 rows; row i of both is pair i$"):
        check_same_pairs(codes(2, 3), codes(1, 3))


def test_words_are_centred_before_they_are_scaled() -> None:
    words = np.array([[3.0, 1.0], [1.0, 1.0], [2.0, 4.0]])
    found = centre_words(words)
    for row, expected in zip(found, [(1, -1), (-1, -1), (0, 1)], strict=True):
        np.testing.assert_allclose(row, np.array(expected) / np.linalg.norm(expected), atol=1e-12)


def test_equal_float32_rows_tie() -> None:
    rows = unit_rows("rows", np.random.default_rng(0).normal(size=(50, 512)).astype(np.float32))
    again = unit_rows("rows", 3 * rows.astype(np.float32))
    assert TIE == 1e-9 and np.abs((rows * rows).sum(axis=1) - (again * again).sum(axis=1)).max() < TIE


@given(st.integers(0, 20), st.integers(1, 25))
def test_blocks_cover_all_rows_in_order(n: int, size: int) -> None:
    parts = list(blocks(n, size))
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(n))
    assert all(part.stop - part.start == size for part in parts[:-1])
    assert all(1 <= part.stop - part.start <= size for part in parts)


def test_blocks_without_rows_are_refused() -> None:
    with pytest.raises(CompanionError, match=r"^a chunk of 0 rows; give at least 1$"):
        blocks(3, 0)
