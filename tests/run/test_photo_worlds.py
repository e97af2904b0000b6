"""Worlds of photographs run from shipped vectors alone; worlds of one's own data say in one line what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.data.errors import CompanionError, NotAvailable
from lib.encoders.photo_vectors import FOLDER
from lib.metrics.retrieval import retrieval
from lib.run import own_worlds
from lib.run.own_worlds import open_model
from lib.run.photo_worlds import cut
from lib.run.profiles import load_profile
from lib.run.worlds import World, open_world
from tests.encoders.examples import Toy


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """A machine with nothing but the repository."""
    monkeypatch.delenv("COMPANION_DATA", raising=False)


def world(name: str, *overrides: str) -> World:
    return open_world(load_profile(name, overrides))


needs_vectors = pytest.mark.skipif(
    not (FOLDER / "objects.safetensors").is_file(), reason="the photos model's vectors have not been made"
)


@needs_vectors
def test_photos_without_any_data(no_data: None) -> None:
    photos = world("photos")
    mine, judge = photos.embeddings("test"), photos.judges("test")["network"]
    assert len(mine) == 1000 and (mine.ids == judge.ids).all() and len(set(mine.ids)) == 1000
    text = photos.captions("test")  # type: ignore[attr-defined]
    assert np.allclose(text[:, 0], mine.text, atol=1e-6)
    found = retrieval(mine.tower("image"), text.reshape(5000, -1), np.arange(5000) // 5)
    assert found.text_to_image.recall(1) >= 0.18, "the goal that the model card states"
    judge_of_pairs, source = photos.pair_judges("test").values()
    assert (judge_of_pairs.image == judge_of_pairs.text).all() and (source.tower("image") == mine.tower("image")).all()
    assert not photos.has_pictures and not photos.keeps_pictures
    ids = [set(photos.embeddings(split).ids) for split in ("train", "dev", "test")]
    assert not (ids[0] & ids[1] or ids[0] & ids[2] or ids[1] & ids[2])
    with pytest.raises(NotAvailable, match=r"flickr8k.*is not here: for research and teaching only"):
        photos.pairs("test")
    with pytest.raises(NotAvailable, match="world photos has embeddings but no model to look into"):
        photos.activations("test", 1)
    with pytest.raises(CompanionError, match="test of 1001 pairs; world photos has 1000"):
        world("photos", "splits.test=1001").embeddings("test")


@needs_vectors
def test_objects_without_any_data(no_data: None) -> None:
    objects = world("tiny-imagenet")
    mine, judges, facts = objects.embeddings("test"), objects.judges("test"), objects.facts("test")  # type: ignore[attr-defined]
    assert set(judges) == {"network", "truth"} and all((one.ids == mine.ids).all() for one in judges.values())
    paths = objects.taxonomy("test")  # type: ignore[attr-defined]
    assert paths.shape == (2000, 3) and len(facts.truth) == 2000
    cosines = judges["truth"].tower("image")[:300] @ judges["truth"].tower("image")[:300].T
    same = (paths[:300, 2][:, None] == paths[:300, 2]) & ~np.eye(300, dtype=bool)
    assert cosines[same].min() > cosines[paths[:300, 0][:, None] != paths[:300, 0]].max()
    with pytest.raises(NotAvailable, match="tiny-imagenet"):
        objects.pairs("test")


def test_cut_is_disjoint_and_names_what_is_wrong() -> None:
    sizes = {"train": 5, "dev": 2, "test": 3}
    parts = [cut(12, sizes, name, "w") for name in sizes]
    assert [len(part) for part in parts] == [5, 2, 3] and len(set(np.concatenate(parts))) == 10
    with pytest.raises(CompanionError, match="world w has no split 'novel'; known: train, dev, test"):
        cut(12, sizes, "novel", "w")
    with pytest.raises(CompanionError, match="splits of 10 pairs; world w has 9"):
        cut(9, sizes, "test", "w")


@needs_vectors
@pytest.mark.data
def test_flickr1k_has_labels_of_the_same_space(data_root: Path, cache: Path) -> None:
    flickr = world("flickr1k")
    names, vectors = flickr.labels()  # type: ignore[attr-defined]
    assert len(names) == len(vectors) == len(set(names)) > 1200
    mine = flickr.embeddings("test").tower("image")
    dog = (mine @ vectors.T)[:, names.index("dog")]
    assert dog.max() > 0.25 and (flickr.judges("test")["network"].ids == flickr.embeddings("test").ids).all()


SMALL = ("splits.train=6", "splits.dev=2", "splits.test=4")


def test_own_arrays(tmp_path: Path, no_data: None) -> None:
    with pytest.raises(NotAvailable, match="names no folder; --set folder=/path/to/yours gives one"):
        world("own-arrays")
    with pytest.raises(NotAvailable, match="no such folder; --set folder=/path/to/yours names another"):
        world("own-arrays", f"folder={tmp_path / 'none'}")
    vectors = np.random.default_rng(0).standard_normal((12, 4))
    np.save(tmp_path / "image.npy", vectors)
    mine = world("own-arrays", f"folder={tmp_path}", *SMALL)
    assert len(mine.embeddings("train")) == 6 and np.allclose(np.linalg.norm(mine.embeddings("test").image, axis=1), 1)
    with pytest.raises(NotAvailable, match=r"neither judge\.npy nor text\.npy"):
        mine.judges("test")
    np.save(tmp_path / "judge.npy", vectors[:, :2])
    judges = world("own-arrays", f"folder={tmp_path}", *SMALL).judges("test")
    assert (judges["network"].ids == mine.embeddings("test").ids).all()
    judge, source = world("own-arrays", f"folder={tmp_path}", *SMALL).pair_judges("test").values()
    np.testing.assert_array_equal(judge.tower("text"), judges["network"].image)
    np.testing.assert_array_equal(source.image, mine.embeddings("test").image)


def test_own_pictures(tmp_path: Path, no_data: None) -> None:
    for i in range(12):
        Image.new("RGB", (64, 64), (20 * i, 0, 0)).save(tmp_path / f"{i:02d}.png")
    (tmp_path / "captions.csv").write_text("image,caption\n" + "".join(f"{i:02d}.png,red {i}\n" for i in range(12)))
    mine = world("own-pictures", f"folder={tmp_path}", "encoder=scenes-clip", *SMALL)
    pairs, found = mine.pairs("test"), mine.embeddings("test")
    assert (pairs.ids == found.ids).all() and found.text is not None and found.image is not None
    assert pairs.images is not None and pairs.captions is not None
    assert [np.asarray(one)[0, 0, 0] // 20 for one in pairs.images] == [int(c[0].split()[1]) for c in pairs.captions]
    with pytest.raises(NotAvailable, match="names no judge; --set judge=MODEL gives one"):
        mine.judges("test")
    circular = world("own-pictures", f"folder={tmp_path}", "encoder=scenes-clip", "judge=scenes-clip", *SMALL)
    with pytest.raises(CompanionError, match="judge and encoder are both scenes-clip, which is circular"):
        circular.judges("test")
    with pytest.raises(CompanionError, match="which is circular"):
        circular.pair_judges("test")


def test_own_pictures_are_judged_in_both_towers(tmp_path: Path, no_data: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(12):
        Image.new("RGB", (64, 64), (20 * i, 0, 0)).save(tmp_path / f"{i:02d}.png")
    settings = (f"folder={tmp_path}", "encoder=scenes-clip", "judge=toy", *SMALL)
    with pytest.raises(NotAvailable, match=r"has no captions; put captions\.csv"):
        world("own-pictures", *settings).pair_judges("test")
    (tmp_path / "captions.csv").write_text("image,caption\n" + "".join(f"{i:02d}.png,red {i}\n" for i in range(12)))
    monkeypatch.setattr(own_worlds, "open_model", lambda name: Toy() if name == "toy" else open_model(name))
    mine = world("own-pictures", *settings)
    judge, source = mine.pair_judges("test").values()
    expected = Toy().encode_texts([one[0] for one in mine.pairs("test").captions or ()])
    np.testing.assert_allclose(
        judge.tower("text"), expected / np.linalg.norm(expected, axis=1, keepdims=True), rtol=1e-5
    )
    np.testing.assert_array_equal(source.tower("text"), mine.embeddings("test").tower("text"))
