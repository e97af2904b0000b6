"""Worlds: splits of the promised sizes, aligned and of unit norm, and one line about anything that a world lacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lib.base.errors import CompanionError, NotAvailable
from lib.data.atoms import AtomDials
from lib.data.procedural import SILENT
from lib.encoders.open_model import open_model
from lib.worlds.atoms import AtomWorld
from lib.worlds.open_world import open_world
from lib.worlds.profiles import load_profile
from lib.worlds.world import World

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


def test_details_are_scenes_by_an_encoder_of_poor_captions(cache: Path) -> None:
    world, scenes = (open_world(load_profile(name, SMALL)) for name in ("scenes-details", "scenes"))
    mine, truth = world.embeddings("test"), world.scene_truth("test")
    assert mine.image is not None and mine.image.shape == (7, 48) and (mine.ids == scenes.embeddings("test").ids).all()
    assert (truth.asserted[:, :, 0] == SILENT).all() and world.captions("test") != scenes.captions("test")
    rows = world.encoder.encode_texts([texts[0] for texts in world.captions("test")])
    np.testing.assert_allclose(rows / np.linalg.norm(rows, axis=1, keepdims=True), mine.tower("text"), atol=1e-5)
    (other,) = world.other_encoders
    assert (other.embeddings("test").tower("image") != mine.image).any() and other.captions("test") == world.captions(
        "test"
    )
    assert other.embeddings("test").identity != mine.identity and scenes.other_encoders == ()
    prompts, labels = world.classes("test")
    assert prompts.tower("text").shape == (64, 48) and labels.shape == (7,)
    with pytest.raises(NotAvailable, match="world scenes-details has no multimodal LLM of its encoder; use profile"):
        world.llava  # noqa: B018


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
    assert len(prompts) == 16 and labels.shape == (7,) and (labels == world.sound_truth("test").sounds[:, 0]).all()
    with pytest.raises(NotAvailable, match="world sounds has embeddings but no model to look into"):
        world.activations("test", 0)


def test_atoms_are_unit_vectors_with_facts_and_nothing_to_look_at() -> None:
    world = open_world(load_profile("atoms", SMALL))
    assert isinstance(world, AtomWorld)
    parts = [world.embeddings(split) for split in ("train", "dev", "test")]
    assert [len(part) for part in parts] == [12, 5, 7] and len({id for part in parts for id in part.ids}) == 24
    for tower in ("image", "text"):
        np.testing.assert_allclose(np.linalg.norm(parts[2].tower(tower), axis=1), 1, atol=1e-5)
    facts, drawn = world.facts("test"), world.drawn_atoms("test", (2, 2))
    assert facts.truth.shape == (7, 72) and (drawn.codes == world.drawn_atoms("test").codes).all()
    assert (facts.mentioned[:, 0] <= facts.truth).all() and (drawn.asserted >= 0).sum() == 14
    easy = AtomWorld(load_profile("atoms", SMALL), AtomDials(d=128))
    assert easy.embeddings("test").identity != parts[2].identity and easy.embeddings("test").text.shape == (7, 128)
    with pytest.raises(NotAvailable, match="world atoms has embeddings but no pictures; use profile scenes"):
        world.pairs("test")


@pytest.fixture
def arrays(monkeypatch: pytest.MonkeyPatch) -> World:
    """The world of real embeddings on random ones, without text."""
    image = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    found = (np.arange(20).astype(str), image, None, {"made": "for a test"})
    monkeypatch.setattr("lib.worlds.clip_arrays.coco500", lambda: found)
    return open_world(load_profile("clip-arrays", [*SMALL[:2], "splits.test=3"]))


@pytest.mark.parametrize(
    ("asked", "lacks"),
    [
        (lambda world: world.encoder, "embeddings but no encoder"),
        (lambda world: world.activations("test", 0), "embeddings but no model to look into"),
        (lambda world: World.pair_judges(world, "test"), "no judge of pairs"),
        (lambda world: World.judges(world, "test"), "no judge"),
        (lambda world: world.caption_embeddings("test"), "no captions"),
        (lambda world: world.llava, "no multimodal LLM"),
        (lambda world: world.pairs("test"), "embeddings but no pictures"),
        (lambda world: world.pictures("test"), "embeddings but no pictures"),
        (lambda world: world.facts("test"), "embeddings but no pictures"),
        (lambda world: world.scene_truth("test"), "no rendered scenes"),
        (lambda world: world.classes("test"), "no class labels"),
        (lambda world: world.taxa, "no taxonomy"),
        (lambda world: world.taxonomy("test"), "no taxonomy"),
    ],
)
def test_whatever_a_world_of_embeddings_lacks_is_one_line(
    arrays: World, asked: Callable[[World], object], lacks: str
) -> None:
    with pytest.raises(NotAvailable, match=f"^world clip-arrays has {lacks}; use profile scenes"):
        asked(arrays)


def test_splits_of_embeddings_are_cut_from_all_rows(arrays: World) -> None:
    parts = [arrays.embeddings(split) for split in ("train", "dev", "test")]
    assert [len(part) for part in parts] == [12, 5, 3]
    assert len({name for part in parts for name in part.ids}) == 20
    with pytest.raises(CompanionError, match="world clip-arrays has no split 'novel'; known: train, dev, test"):
        arrays.embeddings("novel")
    with pytest.raises(CompanionError, match="splits of 24 pairs; world clip-arrays has 20"):
        open_world(load_profile("clip-arrays", SMALL)).embeddings("train")


def test_a_layer_that_the_tower_lacks_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib.worlds.scenes._scene_activations", lambda split, size: {0: None, 1: None})
    with pytest.raises(CompanionError, match="no layer 2: the image tower has 2 blocks, 0 to 1"):
        open_world(load_profile("scenes", SMALL)).activations("test", 2)


def test_a_profile_without_an_encoder_is_one_line() -> None:
    with pytest.raises(NotAvailable, match="the profile names no encoder; --set encoder=MODEL gives one"):
        open_model(None)
