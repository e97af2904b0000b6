"""Worlds of photographs run from shipped vectors alone; worlds of a user's own data say in one line what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.apps.embed_world import embed_world
from lib.apps.search import index_folder
from lib.base.errors import CompanionError, NotAvailable
from lib.encoders.open_model import open_model
from lib.encoders.photo_vectors import FOLDER
from lib.metrics.gap import modality_gap
from lib.metrics.retrieval import retrieval
from lib.worlds import own_pictures
from lib.worlds.open_world import open_world
from lib.worlds.profiles import load_profile, profile_text
from lib.worlds.session import start
from lib.worlds.world import World
from tests.data.formats.files import picture, put, shard
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
    text = photos.caption_embeddings("test")
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
    with pytest.raises(CompanionError, match="test of 7001 pairs; world photos has 7000"):
        world("photos", "splits.test=7001").embeddings("test")


@needs_vectors
def test_a_larger_test_split_takes_the_last_training_photographs(no_data: None) -> None:
    more, usual = world("photos", "splits.test=4000", "splits.train=3000"), world("photos")
    test, train = more.embeddings("test"), more.embeddings("train")
    assert len(test) == 4000 and not set(test.ids) & set(train.ids)
    assert (test.image[:1000] == usual.embeddings("test").image).all()
    assert (test.text[1000:] == usual.embeddings("train").text[3000:]).all()
    assert (more.judges("test")["network"].image[1000:] == usual.judges("train")["network"].image[3000:]).all()
    assert more.caption_embeddings("test").shape[:2] == (4000, 5)
    with pytest.raises(CompanionError, match="train of 3001 pairs; world photos has 3000 with a test split of 4000"):
        world("photos", "splits.test=4000", "splits.train=3001").embeddings("train")


@needs_vectors
def test_photos_with_clips_gap(no_data: None) -> None:
    plain, gapped = world("photos"), world("photos-gap")
    mine, test = gapped.embeddings("test"), plain.embeddings("test")
    gaps = [modality_gap(one.tower("image"), one.tower("text")) for one in (test, mine)]
    assert gaps[0].l2m < 0.2 and gaps[1].l2m == pytest.approx(0.85, abs=0.02), "CLIP has 0.851 on COCO"
    assert gaps[1].random == pytest.approx(0.16, abs=0.02), "CLIP has 0.162"
    np.testing.assert_allclose(gapped.caption_embeddings("test")[:, 0], mine.text, atol=1e-6)
    first, second = (one.pair_judges("test")["captions"] for one in (plain, gapped))
    np.testing.assert_array_equal(first.tower("image"), second.tower("image"))
    np.testing.assert_array_equal(gapped.pair_judges("test")["source"].tower("text"), mine.tower("text"))
    with pytest.raises(NotAvailable, match="photos-gap has moved embeddings and no encoder of them; use profile photo"):
        _ = gapped.encoder


@needs_vectors
def test_objects_without_any_data(no_data: None) -> None:
    objects = world("tiny-imagenet")
    mine, judges, facts = objects.embeddings("test"), objects.judges("test"), objects.facts("test")
    assert set(judges) == {"network", "truth"} and all((one.ids == mine.ids).all() for one in judges.values())
    paths = objects.taxonomy("test")
    assert paths.shape == (objects.size("test"), 3) and len(facts.truth) == objects.size("test")
    cosines = judges["truth"].tower("image")[:300] @ judges["truth"].tower("image")[:300].T
    same = (paths[:300, 2][:, None] == paths[:300, 2]) & ~np.eye(300, dtype=bool)
    assert cosines[same].min() > cosines[paths[:300, 0][:, None] != paths[:300, 0]].max()
    distinct = [len(np.unique(judge.tower("image").round(5), axis=0)) for judge in judges.values()]
    assert max(distinct) <= 200 and objects.judges_share, "two hundred classes, and nothing else decides"
    prompts, numbers = objects.classes("test")
    names, vectors = objects.labels()
    assert len(set(names)) == len(names) == 181 and (prompts.ids == np.array(names)).all() and "tractor" in names
    np.testing.assert_allclose(vectors[numbers], objects.embeddings("test").tower("text"), atol=1e-6)
    with pytest.raises(NotAvailable, match="tiny-imagenet"):
        objects.pairs("test")


SMALL = ("splits.train=6", "splits.dev=2", "splits.test=4")


def test_own_arrays(tmp_path: Path, no_data: None) -> None:
    with pytest.raises(NotAvailable, match="names no folder; --set folder=/path/to/yours gives one"):
        world("own-arrays")
    with pytest.raises(CompanionError, match="no such folder; --set folder=/path/to/yours names another"):
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


def test_pictures_that_were_indexed_are_not_embedded_again(
    tmp_path: Path, no_data: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    for i in range(12):
        Image.new("RGB", (64, 64), (20 * i + 10, 0, 0)).save(tmp_path / "sub" / f"{i:02d}.png")
    toy = Toy()
    monkeypatch.setattr(own_pictures, "open_model", lambda name: toy)
    settings = (f"folder={tmp_path}", "encoder=toy", *SMALL)
    told = next(index_folder(tmp_path, load_profile("own-pictures", settings)))
    assert told == f"12 of 12 pictures in {tmp_path} embedded by toy" and (toy.images, toy.texts) == (12, 0)
    plain = world("own-pictures", *settings).embeddings("test")
    assert plain.text is None and (toy.images, toy.texts) == (12, 0)
    rows = "".join(f"sub/{i:02d}.png,red {i}\n" for i in range(12))
    (tmp_path / "captions.csv").write_text(f"image,caption\n{rows}")
    captioned = world("own-pictures", *settings).embeddings("test")
    assert captioned.text is not None and (toy.images, toy.texts) == (12, 12)
    np.testing.assert_array_equal(captioned.tower("image"), plain.tower("image"))
    assert captioned.identity["towers"] == ["image", "text"] and captioned.identity["pairs"] != plain.identity["pairs"]


def test_own_pictures_are_judged_in_both_towers(tmp_path: Path, no_data: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(12):
        Image.new("RGB", (64, 64), (20 * i, 0, 0)).save(tmp_path / f"{i:02d}.png")
    settings = (f"folder={tmp_path}", "encoder=scenes-clip", "judge=toy", *SMALL)
    with pytest.raises(NotAvailable, match=r"has no captions; put captions\.csv"):
        world("own-pictures", *settings).pair_judges("test")
    (tmp_path / "captions.csv").write_text("image,caption\n" + "".join(f"{i:02d}.png,red {i}\n" for i in range(12)))
    monkeypatch.setattr(own_pictures, "open_model", lambda name: Toy() if name == "toy" else open_model(name))
    mine = world("own-pictures", *settings)
    judge, source = mine.pair_judges("test").values()
    expected = Toy().encode_texts([one[0] for one in mine.pairs("test").captions or ()])
    np.testing.assert_allclose(
        judge.tower("text"), expected / np.linalg.norm(expected, axis=1, keepdims=True), rtol=1e-5
    )
    np.testing.assert_array_equal(source.tower("text"), mine.embeddings("test").tower("text"))


def test_pictures_that_cannot_be_used_are_refused_or_skipped_alike_everywhere(
    tmp_path: Path, no_data: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(14):
        Image.new("RGB", (64, 64), (18 * i, 0, 0)).save(folder / f"{i:02d}.png")
    (folder / "03.png").write_bytes(b"<html>404</html>")
    rows = "".join(f"{i:02d}.png,red {i}\n" for i in range(13))
    (folder / "captions.csv").write_text(f"image,caption\n{rows}")
    monkeypatch.setattr(own_pictures, "open_model", lambda name: Toy() if name == "toy" else open_model(name))
    settings = (f"folder={folder}", "encoder=scenes-clip", "judge=toy", *SMALL)
    with pytest.raises(CompanionError, match=r"1 of 14 pictures have no caption, first 13\.png; .* set on_bad=skip"):
        world("own-pictures", *settings).embeddings("test")
    mine = world("own-pictures", *settings, "on_bad=skip")
    told = mine.tally()
    assert told is not None and told.left_out == {"uncaptioned picture": ("13.png",)}
    ids = np.concatenate([mine.embeddings(split).ids for split in mine.splits])
    assert len(ids) == 12 and not {"03.png", "13.png"} & set(ids.tolist())
    pairs, found = mine.pairs("test"), mine.embeddings("test")
    assert (pairs.ids == found.ids).all() and (found.ids == mine.judges("test")["network"].ids).all()
    assert pairs.images is not None and pairs.captions is not None
    assert [np.asarray(one)[0, 0, 0] // 18 for one in pairs.images] == [int(c[0].split()[1]) for c in pairs.captions]
    told = mine.tally(read=True)
    assert told is not None and told.left_out["unreadable picture"] == ("03.png",)
    alone = open_model("scenes-clip").encode_texts([pairs.captions[0][0]])[0]
    np.testing.assert_allclose(found.tower("text")[0], alone / np.linalg.norm(alone), atol=1e-5)
    np.testing.assert_array_equal(mine.pair_judges("test")["source"].tower("image"), found.tower("image"))


def test_two_kinds_of_data_in_one_folder_are_refused(tmp_path: Path, no_data: None) -> None:
    folder = tmp_path / "pictures"
    shard(folder / "old.tar", {"0.jpg": picture(1), "0.txt": "a stale caption"})
    put(folder, {"a.jpg": picture(1), "captions.csv": "image,caption\na.jpg,new\n"})
    with pytest.raises(CompanionError, match=r"old\.tar and a\.jpg are two kinds of data in one folder"):
        world("own-pictures", f"folder={folder}", *SMALL).tally()
    (folder / "old.tar").unlink()
    (folder / "captions.jsonl").write_text('{"image": "a.jpg", "caption": "old"}')
    with pytest.raises(CompanionError, match=r"captions\.csv and captions\.jsonl both hold captions; keep one"):
        world("own-pictures", f"folder={folder}", *SMALL).tally()


def test_the_first_lines_of_a_notebook_and_of_embed_account_for_the_folder(
    tmp_path: Path, no_data: None, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "arrays"
    folder.mkdir()
    np.save(folder / "image.npy", np.random.default_rng(0).standard_normal((12, 4)))
    np.save(folder / "ids.npy", np.arange(12))
    settings = [f"folder={folder}", *SMALL]
    line = "arrays: image 12 x 4; left out: 1 other file (ids.npy)"
    start("10_x", profile_text("own-arrays", settings))
    assert capsys.readouterr().out.splitlines()[1:] == [line]
    np.save(folder / "image.npy", np.repeat(np.random.default_rng(0).standard_normal((6, 4)), 2, axis=0))
    assert (
        world("own-arrays", *settings).tally().line().startswith("arrays: image 12 x 4, 6 pictures that repeat others;")
    )
    np.save(folder / "image.npy", np.random.default_rng(0).standard_normal((12, 4)))
    *rows, judge, last = embed_world(load_profile("own-arrays", settings))
    assert len(rows) == 3 and judge.startswith("no judge: ") and "neither judge.npy nor text.npy" in judge
    assert last == line
