"""Folders of pictures: plain, with captions, by class, by name, and one line for each kind of damage."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from lib.base.errors import CompanionError
from lib.base.files import sha256_file
from lib.data.formats.folders import class_folders, picture_folder, with_captions, with_pictures
from lib.data.pairs import Pairs
from tests.data.formats.files import picture, put, shade

TWO = {"b.jpg": picture(40), "sub/a.png": picture(90, "PNG")}


def test_a_plain_folder(tmp_path: Path) -> None:
    pairs = picture_folder(put(tmp_path, TWO))
    assert pairs.ids.tolist() == ["b.jpg", "sub/a.png"] and pairs.captions is None
    assert pairs.images is not None and shade(pairs.images[1]) == 90
    again = picture_folder(tmp_path)
    assert again.identity == pairs.identity
    put(tmp_path, {"c.jpg": picture(1)})
    assert picture_folder(tmp_path).identity != pairs.identity


def test_captions_beside_a_folder(tmp_path: Path) -> None:
    put(tmp_path / "p", TWO)
    put(tmp_path, {"c.csv": 'image,caption\nb.jpg,one\nb.jpg,"two, more"\nsub/a.png,three\n'})
    assert with_captions(picture_folder(tmp_path / "p"), tmp_path / "c.csv").captions == (
        ("one", "two, more"),
        ("three",),
    )
    lines = [{"image": "b.jpg", "caption": "one"}, {"image": "sub/a.png", "caption": "three"}]
    put(tmp_path, {"c.jsonl": "\n".join(map(json.dumps, lines))})
    assert with_captions(picture_folder(tmp_path / "p"), tmp_path / "c.jsonl").captions == (("one",), ("three",))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        (
            "c.csv",
            "image,caption\nb.jpg,one\n",
            "c.csv: 1 of 2 pictures have no caption, first sub/a.png; add a line for each",
        ),
        (
            "c.csv",
            "image,caption\nb.jpg,x\nsub/a.png,y\nz.jpg,z\n",
            r"1 captions are of pictures that are not read, first z\.jpg \(line 4\)",
        ),
        (
            "c.csv",
            "file,text\nb.jpg,one\n",
            "c.csv: no column 'image'; the first line must name the columns image, caption; it is 'file,text'",
        ),
        ("c.csv", "image,caption\nb.jpg,\n", "c.csv, line 2: no image or no caption"),
        ("c.csv", 'image,caption\nb.jpg,"one\n', "c.csv, line [12]: cut off"),
        ("c.txt", "b.jpg one", "c.txt: captions must be in a .csv or .jsonl file"),
        ("c.jsonl", '{"image": "b.jpg"}', "c.jsonl, line 1: no field 'caption'"),
    ],
)
def test_captions_that_do_not_fit(tmp_path: Path, name: str, text: str, says: str) -> None:
    put(tmp_path / "p", TWO)
    put(tmp_path, {name: text})
    with pytest.raises(CompanionError, match=says):
        with_captions(picture_folder(tmp_path / "p"), tmp_path / name)


def test_imagenet_folders(tmp_path: Path) -> None:
    put(tmp_path / "train", {"n01/a.JPEG": picture(1), "n01/b.JPEG": picture(2), "n02/c.JPEG": picture(3)})
    put(tmp_path, {"LOC_synset_mapping.txt": "n01 tench, Tinca tinca\nn02 goldfish\n"})
    found = class_folders(tmp_path / "train", tmp_path / "LOC_synset_mapping.txt")
    assert found.classes == ("tench", "goldfish") and found.labels.tolist() == [0, 0, 1] and not found.templates
    assert found.pairs.ids.tolist() == ["n01/a.JPEG", "n01/b.JPEG", "n02/c.JPEG"]
    assert class_folders(tmp_path / "train").classes == ("n01", "n02")
    put(tmp_path, {"short.txt": "n01 tench\n", "bare.txt": "n01\n"})
    with pytest.raises(CompanionError, match=r"short\.txt: no name for class n02; add a line for it"):
        class_folders(tmp_path / "train", tmp_path / "short.txt")
    with pytest.raises(CompanionError, match=r"bare\.txt, line 1: not a class and its names"):
        class_folders(tmp_path / "train", tmp_path / "bare.txt")
    put(tmp_path, {"twice.txt": "n01 tench\nn02 goldfish\nn01 shark\n"})
    with pytest.raises(CompanionError, match=r"twice\.txt: class n01 has two lines; keep one"):
        class_folders(tmp_path / "train", tmp_path / "twice.txt")
    with pytest.raises(CompanionError, match=r"a\.JPEG is in no folder of a class"):
        class_folders(tmp_path / "train" / "n01")


def test_an_unreadable_picture_is_named_when_it_is_read(tmp_path: Path) -> None:
    pairs = picture_folder(put(tmp_path, {"a.jpg": picture(9)[:40]}))
    assert pairs.images is not None
    with pytest.raises(CompanionError, match=r"a\.jpg"):
        pairs.images[0]


def test_another_identity_after_a_change(tmp_path: Path) -> None:
    put(tmp_path, {**TWO, "notes.txt": "no picture"})
    before = picture_folder(tmp_path).identity
    os.utime(tmp_path / "b.jpg", ns=(1, 1))
    assert picture_folder(tmp_path).identity != before


def test_every_reader_gives_the_same_pictures_one_identity(tmp_path: Path) -> None:
    put(tmp_path / "p", {"n01/a.jpg": picture(1), "n02/b.jpg": picture(2)})
    put(tmp_path, {"c.csv": "image,caption\nn01/a.jpg,one\nn02/b.jpg,two\n"})
    plain = picture_folder(tmp_path / "p")
    captioned = with_captions(plain, tmp_path / "c.csv")
    named = with_pictures(Pairs(plain.ids, None, (("one",), ("two",)), {"x": 1}), tmp_path / "p")
    assert set(plain.identity) == {"folder"} and class_folders(tmp_path / "p").pairs.identity == plain.identity
    assert captioned.identity == {**plain.identity, "captions": sha256_file(tmp_path / "c.csv")}
    assert named.identity == {"x": 1, **plain.identity}


def test_pictures_by_name(tmp_path: Path) -> None:
    put(tmp_path, TWO)
    pairs = with_pictures(Pairs(np.array(["sub/a.png"]), None, (("grey",),), {"x": 1}), tmp_path)
    assert pairs.images is not None and shade(pairs.images[0]) == 90 and pairs.captions == (("grey",),)
    two = Pairs(np.array(["sub/a.png", "z.png"]), None, None, {})
    with pytest.raises(CompanionError, match=r"1 of 2 pictures are missing, first z\.png"):
        with_pictures(two, tmp_path)
    with pytest.raises(CompanionError, match="no such folder"):
        with_pictures(two, tmp_path / "none")


def test_no_folder_and_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match="no images in it"):
        picture_folder(tmp_path)
    with pytest.raises(CompanionError, match="no such folder"):
        picture_folder(tmp_path / "none")
