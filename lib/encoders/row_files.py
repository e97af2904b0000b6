"""Matrices that may be larger than memory: worked on in blocks of rows, and where large, kept as files and mapped."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lib.base.files import cached

IN_MEMORY = 2**30
"""Bytes of a matrix at most that is made in memory; a larger one becomes a file in the cache, read by memory map."""

_BLOCK = 2**25
"""Bytes of rows that are worked on at a time."""

_FILE = "rows.npy"


def row_blocks(matrix: np.ndarray, rows: int | None = None) -> Iterator[slice]:
    """Slices, each small against memory, that cover the rows of a matrix (n, d), or so many rows of its width."""
    n, size = len(matrix) if rows is None else rows, max(1, _BLOCK // max(1, matrix[:1].nbytes))
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def first_not_finite(matrix: np.ndarray) -> int | None:
    """The number of the first row of a matrix (n, d) that holds NaN or infinity, None if there is none."""
    for rows in row_blocks(matrix):
        finite = np.isfinite(matrix[rows])
        if not finite.all():
            return rows.start + int((~finite.all(axis=1)).argmax())
    return None


def made_of(matrix: np.ndarray, parts: Iterator[np.ndarray], rows: int, key: dict[str, Any]) -> np.ndarray:
    """A matrix (rows, d) that is computed from an (n, d) matrix in parts: the rows of one part after those of another.

    key: plain JSON that decides its bytes. If it is large, and the other one is a file too, it is made once in the
    cache and mapped, so that memory holds a part at a time.
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
    """Write float32 parts (rows, d), one under the other, as one .npy file of this shape.

    Not through a memory map: where the disk is full, writing to one ends the process.
    """
    with open(path, "wb") as stream:
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        for part in parts:
            stream.write(np.ascontiguousarray(part))  # type: ignore[arg-type]


def load_ids(path: Path) -> np.ndarray:
    """The ids (n,) of a .npy file, mapped where they are many."""
    return np.load(path, mmap_mode="r" if path.stat().st_size > IN_MEMORY else None)


class Mapped(NamedTuple):
    """Where the numbers of a mapped matrix are; another process maps them in place of getting a copy."""

    path: str
    offset: int
    dtype: str
    shape: tuple[int, ...]

    def open(self) -> np.memmap:
        """The matrix."""
        return np.memmap(self.path, self.dtype, "r", self.offset, self.shape)


def by_reference(matrix: Any) -> Any:
    """What stands for a large mapped matrix when it is sent to another process; anything else as it is."""
    whole = isinstance(matrix, np.memmap) and isinstance(matrix.base, mmap.mmap)  # a part has the offset of its whole
    if not whole or matrix.nbytes <= IN_MEMORY:
        return matrix
    return Mapped(str(matrix.filename), matrix.offset, matrix.dtype.str, matrix.shape)
