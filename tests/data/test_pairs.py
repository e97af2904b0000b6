"""Pairs that do not fit together are one line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lib.base.errors import CompanionError
from lib.data.pairs import Facts, Pairs

IDS = np.array(["a", "b"])
CAPTIONS = (("one",), ("two",))


def facts(rows: int) -> Facts:
    return Facts(("kind:cat",), np.zeros((rows, 1), bool), np.zeros((rows, 1, 1), bool))


def test_pairs_that_fit_have_a_length() -> None:
    assert len(Pairs(IDS, None, CAPTIONS, {}, facts(2))) == 2


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"ids": np.array(["a", "a"])}, "pairs have duplicate ids; give every pair its own"),
        ({"facts": facts(3)}, "facts of 3 pairs for 2 ids; give a row for each id"),
        ({"captions": (("one",),)}, "1 captions for 2 ids; give one for each id"),
        ({"images": [None] * 3}, "3 images for 2 ids; give one for each id"),
        ({"images": [None] * 2, "sounds": [None] * 2}, "of images and of sounds at once; keep one of the two"),
    ],
)
def test_pairs_that_do_not_fit_are_one_line(part: dict[str, Any], says: str) -> None:
    whole = {"ids": IDS, "images": None, "captions": CAPTIONS, "identity": {}, **part}
    with pytest.raises(CompanionError, match=says):
        Pairs(**whole)
