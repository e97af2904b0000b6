"""Readers of `.npy` files of unknown origin: numbers are read, and nothing is unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lib.base.errors import CompanionError
from lib.base.vectors import normalise_rows
from lib.data.formats.text_files import is_lfs_pointer

_MAGIC = b"\x93NUMPY"
"""The first bytes of every .npy file."""


def read_npy(path: Path, remedy: str = "get it again") -> Any:
    """Read the content of a `.npy` file: an array, or something else that the caller must refuse.

    remedy: the end of the error line. A header that announces more than memory can hold, or that is not a header at
    all, is an error like any other.
    """
    try:
        return np.load(path, allow_pickle=False)
    except Exception as error:  # foreign headers make numpy raise nearly anything: TokenError, TypeError, MemoryError
        raise CompanionError(f"{path.name}: not a readable .npy file ({_reason(path, error)}); {remedy}") from None


def _reason(path: Path, error: Exception) -> str:
    """Say what is wrong with a file, from its first bytes; numpy takes whatever it does not know for a pickle."""
    if is_lfs_pointer(path):
        return "a Git LFS pointer in place of the file, which `git lfs pull` gets"
    try:
        with open(path, "rb") as stream:
            head = stream.read(8)
    except OSError as failure:
        return failure.strerror or type(failure).__name__
    if not head.startswith(_MAGIC):
        return "empty" if not head else f"it begins with {head!r}, as no .npy file does"
    if "allow_pickle" in str(error):
        return "it contains Python objects in place of numbers"
    return str(error)[:200] or type(error).__name__


def read_unit_rows(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """Read the numbers of a `.npy` file of a known shape as float32 rows, and scale each row to norm 1.

    Any other content is an error of one line.
    """
    array = read_npy(path)
    if not isinstance(array, np.ndarray) or array.shape != shape or not np.isfinite(array).all():
        raise CompanionError(f"{path.name}: expected finite numbers {shape}; get the right file")
    if not (there := array.any(axis=1)).all():
        raise CompanionError(f"{path.name}: row {int(there.argmin())} is zero; get the right file")
    return normalise_rows(path.name, array.astype(np.float32))
