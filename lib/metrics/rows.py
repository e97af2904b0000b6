"""Checks that metrics share: finite matrices with one row per item, rows of unit norm, codes that belong together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lib.base.errors import CompanionError
from lib.base.vectors import normalise_rows
from lib.sae.codes import SparseCodes

TIE = 1e-9
"""Cosines closer than this are tied; rows that are equal as float32 differ by less after a float64 product."""

FLOAT32_TIE = 1e-6
"""float32 scores closer than this are tied: twice the difference that rounding can make."""


def finite_matrix(name: str, value: np.ndarray) -> np.ndarray:
    """Check that `value` is a numeric (n, d) matrix of finite entries, n, d >= 1; an error names the first bad row."""
    array = np.asarray(value)
    if array.ndim != 2 or array.size == 0 or array.dtype.kind not in "fiub":
        raise CompanionError(
            f"{name} have shape {array.shape} and type {array.dtype}; give a numeric matrix with one row per item"
        )
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        raise CompanionError(
            f"{name} contain NaN or infinity in row {int((~finite).argmax())}; embed it again or drop it"
        )
    return array


def unit_rows(name: str, value: np.ndarray) -> np.ndarray:
    """Scale the rows of a matrix to norm 1, in float64; an error names a row of norm zero."""
    return normalise_rows(name, finite_matrix(name, value).astype(np.float64))


def count_copies(matrix: np.ndarray) -> int:
    """Count the rows whose direction, to six decimals, an earlier row has."""
    unit = unit_rows("embeddings", matrix).round(6) + 0.0  # -0.0 and 0.0 have different bytes
    return len(unit) - len({row.tobytes() for row in unit})


def check_paired(first_name: str, first: np.ndarray, second_name: str, second: np.ndarray) -> None:
    """Refuse two row-aligned parts of different length."""
    if first.shape[0] != second.shape[0]:
        raise CompanionError(
            f"{first.shape[0]} rows of {first_name} and {second.shape[0]} of {second_name}; row i of both is item i"
        )


def check_same_space(first_name: str, first: np.ndarray, second_name: str, second: np.ndarray) -> None:
    """Refuse two matrices of different dimension."""
    if first.shape[1] != second.shape[1]:
        raise CompanionError(
            f"{first_name} have {first.shape[1]} dimensions and {second_name} {second.shape[1]}; "
            "embed both with the same encoder"
        )


def check_same_dictionary(first: SparseCodes, second: SparseCodes) -> None:
    """Refuse two codes that do not come from one dictionary, or of which one has no rows."""
    if first.width != second.width or min(len(first), len(second)) == 0:
        shapes = f"({len(first)}, {first.width}) and ({len(second)}, {second.width})"
        raise CompanionError(f"codes of shapes {shapes}; give rows of both from one dictionary")


def check_same_pairs(first: SparseCodes, second: SparseCodes) -> None:
    """Refuse two codes that are not codes of the same pairs from one dictionary."""
    check_same_dictionary(first, second)
    if len(first) != len(second):
        raise CompanionError(f"codes of {len(first)} and {len(second)} rows; row i of both is pair i")


def blocks(n: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` rows that together cover 0 to n."""
    if size < 1:
        raise CompanionError(f"a chunk of {size} rows; give at least 1")
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def centre_words(words: np.ndarray) -> np.ndarray:
    """Subtract the mean of word vectors (words, d), which separates all words from pictures, and scale to norm 1."""
    return unit_rows("labels", words - words.mean(axis=0))
