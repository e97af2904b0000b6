"""What every metric checks first: finite matrices with one row an item, and rows of unit norm in float64."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lib.data.errors import CompanionError

TIE = 1e-9
"""Cosines closer than this are tied: rows that are equal as float32 differ by less after a float64 product."""


def matrix(name: str, value: np.ndarray) -> np.ndarray:
    """`value` as a numeric (n, d) array with n, d >= 1 and finite entries; the error names it and the first bad row."""
    array = np.asarray(value)
    if array.ndim != 2 or array.size == 0 or array.dtype.kind not in "fiub":
        raise CompanionError(
            f"{name} have shape {array.shape} and type {array.dtype}; give a numeric matrix with one row an item"
        )
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        raise CompanionError(f"{name} hold NaN or infinity in row {int((~finite).argmax())}; embed it again or drop it")
    return array


def unit_rows(name: str, value: np.ndarray) -> np.ndarray:
    """The rows of a matrix as float64 with norm 1; an error names a row of norm zero."""
    rows = matrix(name, value).astype(np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if (norms == 0).any():
        raise CompanionError(f"{name} are zero in row {int((norms == 0).argmax())}, which has no direction; drop it")
    rows /= norms
    return rows


def paired(first_name: str, first: np.ndarray, second_name: str, second: np.ndarray) -> None:
    """Refuse two row-aligned parts of different length."""
    if first.shape[0] != second.shape[0]:
        raise CompanionError(
            f"{first.shape[0]} rows of {first_name} and {second.shape[0]} of {second_name}; row i of both is item i"
        )


def same_space(first_name: str, first: np.ndarray, second_name: str, second: np.ndarray) -> None:
    """Refuse two matrices of different dimension."""
    if first.shape[1] != second.shape[1]:
        raise CompanionError(
            f"{first_name} have {first.shape[1]} dimensions and {second_name} {second.shape[1]}; "
            "embed both with the same encoder"
        )


def blocks(n: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` that cover 0 to n."""
    if size < 1:
        raise CompanionError(f"a chunk of {size} rows; give at least 1")
    return (slice(start, min(start + size, n)) for start in range(0, n, size))
