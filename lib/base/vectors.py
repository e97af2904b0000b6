"""Rows of unit norm."""

from __future__ import annotations

import numpy as np

from lib.base.errors import CompanionError


def normalise_rows(name: str, rows: np.ndarray) -> np.ndarray:
    """Scale float rows (..., d) to norm 1, in their own precision; an error names a row of norm zero.

    name: what the error calls the rows.
    """
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    if (norms == 0).any():
        raise CompanionError(f"{name} are zero in row {int((norms == 0).argmax())}, which has no direction; drop it")
    return rows / norms
