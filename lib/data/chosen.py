"""Some of a set of pairs, by their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lib.data.formats.images import LazyImages
from lib.data.pairs import Pairs


def choose_pairs(pairs: Pairs, rows: Sequence[int] | np.ndarray, **identity: Any) -> Pairs:
    """Take pairs of pictures from files, and their captions, by row numbers (n,), in their order.

    identity: plain JSON that says which rows these are.
    """
    numbers = [int(row) for row in rows]
    assert isinstance(pairs.images, LazyImages)  # every reader of pictures from files gives them
    captions = None if pairs.captions is None else tuple(pairs.captions[row] for row in numbers)
    return replace(
        pairs,
        ids=pairs.ids[numbers],
        images=pairs.images.chosen(numbers),
        captions=captions,
        identity={**pairs.identity, **identity},
    )
