"""Splits for worlds whose rows have none: one fixed permutation of all rows serves all splits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lib.base.errors import CompanionError
from lib.base.names import count
from lib.data.tally import Tally
from lib.encoders.embeddings import Embeddings
from lib.metrics.rows import count_copies
from lib.worlds.world import World

ALL = ("train", "dev", "test")


def counting_copies(tally: Tally, image: np.ndarray) -> Tally:
    """Add to the account of a user's own data how many pictures repeat others; copies tie in every search."""
    copies = count_copies(image)
    return tally.reading(f"{count(copies, 'picture')} that repeat others") if copies else tally


def split_rows(world: World, n: int, split: str, sharing: Sequence[str] = ALL) -> np.ndarray:
    """Return the row numbers of a split among n rows. sharing: the splits that share these rows, this one included."""
    size = world.size(split)
    check_fit(world, n, sharing)
    start = sum(world.sizes[one] for one in sharing[: list(sharing).index(split)])
    return np.random.default_rng(0).permutation(n)[start : start + size]


def check_fit(world: World, n: int, sharing: Sequence[str] = ALL) -> None:
    """Refuse splits of more rows than the n that there are."""
    taken = sum(world.sizes[one] for one in sharing)
    if taken > n:
        raise CompanionError(
            f"splits of {taken} pairs; world {world.name} has {n}; set splits.train, .dev and .test to fit"
        )


def split_embeddings(world: World, whole: Embeddings, split: str, sharing: Sequence[str] = ALL) -> Embeddings:
    """Cut the embeddings of a split from those of all rows, which the splits `sharing` have in common."""
    rows = split_rows(world, len(whole), split, sharing)
    return whole.rows(rows, f"{split} of {[world.sizes[one] for one in sharing]}")
