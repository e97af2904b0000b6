"""The scale of the input: dictionaries train on data of mean squared norm 1 and are stored for raw data."""

from __future__ import annotations

import numpy as np

from lib.data.errors import CompanionError


def root_mean_square_norm(matrix: np.ndarray, batch: int = 65_536) -> float:
    """sqrt(mean over rows of |x|^2) of an (n, d) matrix: the norm is summed over dimensions, not averaged.

    After division by it a row has squared norm 1 on average (Pach et al. 2025, code; there estimated on 101 batches,
    here on all rows). Float64 sums.
    """
    total = sum(float(np.square(matrix[i : i + batch], dtype=np.float64).sum()) for i in range(0, len(matrix), batch))
    if total == 0:
        raise CompanionError("all embeddings are zero (or there are none); a dictionary has nothing to learn from them")
    return float(np.sqrt(total / len(matrix)))
