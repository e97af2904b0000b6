"""Splits that are cut from all rows are disjoint, stay the same, and name what is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from lib.base.errors import CompanionError
from lib.encoders.embeddings import Embeddings
from lib.worlds.clip_arrays import ClipArrays
from lib.worlds.cut import split_embeddings, split_rows
from lib.worlds.profiles import load_profile
from lib.worlds.world import World


@pytest.fixture
def world() -> World:
    return ClipArrays(load_profile("clip-arrays", ["splits.train=5", "splits.dev=2", "splits.test=3"]))


def test_splits_are_disjoint_parts_of_one_permutation(world: World) -> None:
    parts = [split_rows(world, 12, name) for name in ("train", "dev", "test")]
    order = np.random.default_rng(0).permutation(12)
    for part, expected in zip(parts, np.split(order, [5, 7, 10])[:3], strict=True):
        np.testing.assert_array_equal(part, expected)


def test_embeddings_of_a_split_say_which_one_they_are(world: World) -> None:
    rows = np.arange(24, dtype=np.float32).reshape(12, 2)
    dev = split_embeddings(world, Embeddings(np.arange(12).astype(str), rows, None, "e", False, {"a": 1}), "dev")
    np.testing.assert_array_equal(dev.image, rows[split_rows(world, 12, "dev")])
    assert dev.identity == {"a": 1, "rows": "dev of [5, 2, 3]"}


def test_what_is_wrong_is_one_line(world: World) -> None:
    with pytest.raises(CompanionError, match="world clip-arrays has no split 'novel'; known: train, dev, test"):
        split_rows(world, 12, "novel")
    with pytest.raises(CompanionError, match="splits of 10 pairs; world clip-arrays has 9"):
        split_rows(world, 9, "test")
