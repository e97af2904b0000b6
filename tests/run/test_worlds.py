"""Worlds: splits of the promised sizes, aligned and of unit norm, and one line about what a world lacks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lib.data.errors import CompanionError, NotAvailable
from lib.run.profiles import load_profile
from lib.run.worlds import open_world

SMALL = ["splits.train=12", "splits.dev=5", "splits.test=7"]


def test_scenes_are_embedded_and_judged_row_by_row(cache: Path) -> None:
    world = open_world(load_profile("scenes", SMALL))
    pairs, mine = world.pairs("test"), world.embeddings("test")
    assert len(pairs) == len(mine) == 7 and (pairs.ids == mine.ids).all()
    for tower in ("image", "text"):
        np.testing.assert_allclose(np.linalg.norm(mine.tower(tower), axis=1), 1, atol=1e-5)
    judges = world.judges("test")
    assert set(judges) == {"network", "truth"}
    assert all((judge.ids == pairs.ids).all() for judge in judges.values())
    assert len(world.embeddings("novel")) == 7 and len(world.embeddings("train")) == 12


@pytest.mark.data
def test_clip_arrays_splits_are_disjoint_and_complete(data_root: Path, cache: Path) -> None:
    world = open_world(load_profile("clip-arrays"))
    parts = [world.embeddings(split) for split in ("train", "dev", "test")]
    ids = np.concatenate([part.ids for part in parts])
    assert len(set(ids)) == len(ids) == 500
    assert len({str(part.identity) for part in parts}) == 3, "splits must not share a cache key"
    assert np.allclose(world.judges("test")["captions"].tower("image"), parts[2].tower("text"))


@pytest.mark.data
def test_what_a_world_lacks_is_one_line(data_root: Path, cache: Path) -> None:
    world = open_world(load_profile("clip-arrays"))
    with pytest.raises(NotAvailable, match="world clip-arrays has embeddings but no pictures; use profile scenes"):
        world.pairs("test")
    with pytest.raises(NotAvailable, match="world clip-arrays has no class labels; use profile scenes"):
        world.classes("test")
    with pytest.raises(CompanionError, match="world clip-arrays has no split 'novel'; known: train, dev, test"):
        world.embeddings("novel")
    with pytest.raises(CompanionError, match="splits of 600 pairs; world clip-arrays has 500"):
        open_world(load_profile("clip-arrays", ["splits.train=500"])).embeddings("train")


def test_sounds_are_embedded_named_and_judged_row_by_row(cache: Path) -> None:
    world = open_world(load_profile("sounds", SMALL))
    pairs, mine = world.pairs("test"), world.embeddings("test")
    assert len(pairs) == len(mine) == 7 and (pairs.ids == mine.ids).all() and pairs.images is None
    for tower in ("image", "text"):
        np.testing.assert_allclose(np.linalg.norm(mine.tower(tower), axis=1), 1, atol=1e-5)
    assert (world.judges("test")["truth"].ids == pairs.ids).all()
    prompts, labels = world.classes("test")
    assert len(prompts) == 16 and labels.shape == (7,) and (labels == world.truth("test").sounds[:, 0]).all()
    with pytest.raises(NotAvailable, match="world sounds has embeddings but no model to look into"):
        world.activations("test", 0)
