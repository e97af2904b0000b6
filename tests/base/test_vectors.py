"""Unit rows equal, to the bit, those of the plain formula in every precision."""

from __future__ import annotations

import numpy as np
import pytest

from lib.base.errors import CompanionError
from lib.base.vectors import normalise_rows


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(7,), (50, 33), (4, 5, 128)])
def test_rows_as_one_writes_them_by_hand(kind: type, shape: tuple[int, ...]) -> None:
    rows = np.random.default_rng(0).standard_normal(shape).astype(kind)
    before = rows.copy()
    found = normalise_rows("rows", rows)
    np.testing.assert_array_equal(found, rows / np.linalg.norm(rows, axis=-1, keepdims=True))
    assert found.dtype == kind and (rows == before).all()


def test_a_row_without_direction_is_named() -> None:
    with pytest.raises(CompanionError, match="answers are zero in row 1, which has no direction; drop it"):
        normalise_rows("answers", np.array([[1.0, 0.0], [0.0, 0.0]]))
