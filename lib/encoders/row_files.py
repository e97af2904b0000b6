"""Matrices that may be larger than memory: code works on blocks of rows, and large ones are memory-mapped files."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lib.base.files import cached

IN_MEMORY = 2**30
"""Largest number of bytes of a matrix made in memory; a larger one becomes a file in the cache, read by memory map."""

_BLOCK = 2**25
"""Bytes of rows in one block."""

_FILE = "rows.npy"


def row_blocks(matrix: np.ndarray, rows: int | None = None) -> Iterator[slice]:
    """Yield slices, each small compared to memory, that cover the rows of a matrix (n, d), or `rows` such rows."""
    n, size = len(matrix) if rows is None else rows, max(1, _BLOCK // max(1, matrix[:1].nbytes))
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def first_not_finite(matrix: np.ndarray) -> int | None:
    """Return the number of the first row of a matrix (n, d) that contains NaN or infinity, or None."""
    for rows in row_blocks(matrix):
        finite = np.isfinite(matrix[rows])
        if not finite.all():
            return rows.start + int((~finite.all(axis=1)).argmax())
    return None


def made_of(matrix: np.ndarray, parts: Iterator[np.ndarray], rows: int, key: dict[str, Any]) -> np.ndarray:
    """Make a matrix (rows, d) from an (n, d) matrix in parts, whose rows follow each other.

    key: plain JSON that decides its bytes. If the result is large and the source is a file, it is made once in the
    cache and mapped, so that memory holds only one part at a time.
    """
    shape = (rows, matrix.shape[1])
    if isinstance(matrix, np.memmap) and 4 * rows * matrix.shape[1] > IN_MEMORY:

        def build(folder: Path) -> dict[str, Any]:
            save_rows(folder / _FILE, parts, shape)
            return {"rows": rows}

        return np.load(cached("rows", {**key, "shape": [*shape]}, build) / _FILE, mmap_mode="r")
    out, place = np.empty(shape, np.float32), 0
    for part in parts:
        if place == 0:
            out = np.empty(shape, part.dtype)
        out[place : place + len(part)] = part
        place += len(part)
    return out


def save_rows(path: Path, parts: Iterable[np.ndarray], shape: tuple[int, int]) -> None:
    """Write float32 parts (rows, d), one after the other, as one .npy file of this shape.

    It does not use a memory map: where the disk is full, writing to one kills the process.
    """
    with open(path, "wb") as stream:
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        for part in parts:
            stream.write(np.ascontiguousarray(part))  # type: ignore[arg-type]


def load_ids(path: Path) -> np.ndarray:
    """Read the ids (n,) of a .npy file, as a memory map if there are many."""
    return np.load(path, mmap_mode="r" if path.stat().st_size > IN_MEMORY else None)


class Mapped(NamedTuple):
    """The place of a mapped matrix's numbers, so that another process maps them instead of getting a copy."""

    path: str
    offset: int
    dtype: str
    shape: tuple[int, ...]

    def open(self) -> np.memmap:
        """Map the matrix."""
        return np.memmap(self.path, self.dtype, "r", self.offset, self.shape)


def by_reference(matrix: Any) -> Any:
    """Replace a large mapped matrix by a reference, for another process; return anything else as it is."""
    whole = isinstance(matrix, np.memmap) and isinstance(matrix.base, mmap.mmap)  # a part has the offset of its whole
    if not whole or matrix.nbytes <= IN_MEMORY:
        return matrix
    return Mapped(str(matrix.filename), matrix.offset, matrix.dtype.str, matrix.shape)
