"""Worlds of published CLIP vectors: on small files in the published form, and where available on the real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lib.base.errors import NotAvailable
from lib.worlds.open_world import open_world
from lib.worlds.profiles import load_profile
from lib.worlds.world import World
from tests.worlds.small_clip import small_clip

SIZES = ("splits.train=10", "splits.dev=4", "splits.test=6")


def world(name: str, *overrides: str) -> World:
    return open_world(load_profile(name, overrides))


@pytest.fixture
def small(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return small_clip(tmp_path / "clip", monkeypatch)


def ids(found: World) -> list[str]:
    return [name for split in ("train", "dev", "test") for name in found.embeddings(split).ids]


def test_caltech_trains_and_tests_on_different_files(small: Path) -> None:
    found = world("caltech-b32", *SIZES)
    assert len(set(ids(found))) == 20
    assert {name.rsplit("-", 1)[0] for name in found.embeddings("train").ids} == {"caltech101_test"}
    test, judges = found.embeddings("test"), found.judges("test")
    assert list(judges) == ["network", "truth"] and all((one.ids == test.ids).all() for one in judges.values())
    rows = [int(name.rsplit("-", 1)[1]) for name in test.ids]
    published = np.load(small / "caltech101-rn50/val.npy")[rows].astype(np.float32)
    published /= np.linalg.norm(published, axis=1, keepdims=True)
    np.testing.assert_allclose(judges["network"].tower("image"), published, atol=1e-6)
    assert (found.facts("test").truth.argmax(axis=1) == rows).all(), "row i of the small files is of class i"
    assert list(found.judges("train")) == ["truth"]


def test_labelled_pictures_are_paired_with_the_text_of_their_label(small: Path) -> None:
    found = world("labels-b32", *SIZES)
    mine, (names, vectors) = found.embeddings("test"), found.labels()
    prompts, numbers = found.classes("test")
    assert len(set(ids(found))) == 20 and numbers.max() < len(prompts)
    np.testing.assert_array_equal(mine.tower("text"), prompts.tower("text")[numbers])
    np.testing.assert_array_equal(prompts.tower("text"), vectors[[names.index(one) for one in prompts.ids]])
    airplane = [i for i, name in enumerate(mine.ids) if name.startswith("caltech101") and name.endswith("-4")]
    assert all(prompts.ids[numbers[i]] == "airplane" for i in airplane)
    judge, source = found.pair_judges("test").values()
    assert (judge.tower("image") == judge.tower("text")).all() and (source.ids == mine.ids).all()


def test_imagenet_has_a_taxonomy_and_no_picture_twice(small: Path) -> None:
    path = small / "vitb32-labelled/imagenet_train7.npy"
    rows = np.load(path)
    rows[1] = rows[0]
    np.save(path, rows)
    labels = np.load(small / "vitb32-labelled/imagenet_train7_labels.npy")
    labels[1] = labels[0]
    np.save(small / "vitb32-labelled/imagenet_train7_labels.npy", labels)
    found = world("imagenet-b32", *SIZES, "splits.train=13")
    assert len(set(ids(found))) == 23 and "imagenet-0001" not in ids(found)
    assert found.taxa == (1, 3, 24)
    paths, mine = found.taxonomy("test"), found.embeddings("test")
    numbers = np.array([int(name.split("-")[1]) for name in mine.ids])
    assert (paths[:, 1] == numbers % 3).all() and list(found.judges("test")) == ["truth"]
    assert (found.facts("test").truth.sum(axis=1) == 3).all()


def test_products_have_descriptions_and_no_pictures(small: Path) -> None:
    found = world("products-fashionclip", *SIZES)
    pairs, mine = found.pairs("test"), found.embeddings("test")
    assert len(set(ids(found))) == 20 and (pairs.ids == mine.ids).all()
    assert found.captions("test") == tuple((f"A dress, {name}",) for name in mine.ids)
    np.testing.assert_array_equal(found.judges("test")["captions"].tower("image"), mine.tower("text"))
    with pytest.raises(NotAvailable, match="world products-fashionclip has no pictures"):
        found.pictures("test")


def test_flickr_has_captions_of_the_test_split_and_none_of_its_photographs_elsewhere(small: Path) -> None:
    found = world("flickr-b32", *SIZES)
    assert len(set(ids(found))) == 20
    assert all(name.startswith("own") for name in [*found.embeddings("train").ids, *found.embeddings("dev").ids])
    test, captions = found.embeddings("test"), found.caption_embeddings("test")
    assert captions.shape == (6, 5, 512)
    np.testing.assert_array_equal(captions[:, 0], test.tower("text"))
    np.testing.assert_allclose(np.linalg.norm(found.judges("test")["captions"].tower("image"), axis=1), 1, atol=1e-6)
    assert found.embeddings("train").text is None
    with pytest.raises(NotAvailable, match="captions of its test photographs only"):
        found.caption_embeddings("train")


def test_unsplash_trains_and_coco_tests(small: Path) -> None:
    found = world("unsplash-b16", *SIZES)
    assert len(set(ids(found))) == 20 and {name[0] for name in found.embeddings("train").ids} == {"u"}
    assert found.embeddings("train").text is None and found.embeddings("test").text is not None
    assert len(found.labels().names) == 171


@pytest.mark.parametrize("name", ["caltech-b32", "labels-b32", "imagenet-b32", "flickr-b32", "unsplash-b16"])
def test_splits_differ_in_what_decides_their_bytes(name: str, small: Path) -> None:
    found = world(name, *SIZES)
    assert len({str(found.embeddings(split).identity) for split in ("train", "dev", "test")}) == 3


def test_clip_arrays_need_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    found = world("clip-arrays")
    mine, (names, vectors) = found.embeddings("train"), found.labels()
    person = (mine.tower("image") @ vectors.T)[:, names.index("person")]
    assert person.max() > 0.2, "pictures and names are in one space"


@pytest.mark.data
def test_the_real_labels_tell_the_real_pictures(data_root: Path, cache: Path) -> None:
    found = world("labels-b32")
    prompts, numbers = found.classes("test")
    right = (found.embeddings("test").tower("image") @ prompts.tower("text").T).argmax(axis=1) == numbers
    assert len(prompts) == 299 and right.mean() > 0.75


@pytest.mark.data
def test_the_real_flickr_captions_find_their_photographs(data_root: Path, cache: Path) -> None:
    found = world("flickr-b32")
    image, text = found.embeddings("test").tower("image"), found.caption_embeddings("test").reshape(500, -1)
    assert ((text @ image.T).argmax(axis=1) == np.arange(500) // 5).mean() > 0.75


@pytest.mark.data
def test_the_real_judge_sees_what_the_tower_sees(data_root: Path, cache: Path) -> None:
    found = world("caltech-b32")
    mine, judge = found.embeddings("test").tower("image"), found.judge("test", "network").tower("image")
    numbers = found.facts("test").truth.argmax(axis=1)
    for rows in (mine, judge):
        cosines = rows @ rows.T - 2 * np.eye(len(rows))
        assert (numbers[cosines.argmax(axis=1)] == numbers).mean() > 0.8
