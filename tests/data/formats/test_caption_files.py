"""Captions as people and programs write them: each row is read whole, or refused with its line."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from lib.base.errors import CompanionError
from lib.data.formats.caption_files import find_captions
from lib.data.formats.folders import picture_folder, with_captions
from lib.data.pairs import Pairs
from tests.data.formats.files import picture, put

TWO = {"a.jpg": picture(1), "sub/b.jpg": picture(2)}


def read(folder: Path, text: str | bytes, name: str = "captions.csv", on_bad: str = "refuse") -> Pairs:
    put(folder, {name: text})
    return with_captions(picture_folder(folder), folder / name, on_bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        'image,caption\na.jpg, "a dog, running"\nsub/b.jpg,a cat\n',
        'image, caption\na.jpg,   "a dog, running"\nsub/b.jpg,  a cat\n',
        'Image,Caption\na.jpg,"a dog, running"\nsub/b.jpg,a cat\n',
        'IMAGE,CAPTION,,\na.jpg,"a dog, running",,\nsub/b.jpg,a cat,,\n',
        'caption,image\n"a dog, running",a.jpg\na cat,sub/b.jpg\n',
        '\ufeffimage,caption\r\na.jpg,"a dog, running"\r\nsub/b.jpg,a cat\r\n',
        'image,caption\ra.jpg,"a dog, running"\rsub/b.jpg,a cat\r',
        'image,caption\n\na.jpg,"a dog, running"\n\nsub/b.jpg,a cat\n\n',
        'image,caption\n./a.jpg,"a dog, running"\nsub\\b.jpg,a cat\n',
        'image,caption\n.\\A.JPG,"a dog, running"\n./sub/B.jpg ,a cat\n',
        'image,caption\n" a.jpg","a dog, running"\nsub//b.jpg,a cat\n',
    ],
)
def test_captions_as_they_are_meant(tmp_path: Path, text: str) -> None:
    put(tmp_path, TWO)
    assert read(tmp_path, text).captions == (("a dog, running",), ("a cat",))


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_unicode_forms_of_a_name_are_one(tmp_path: Path, form: str) -> None:
    put(tmp_path, {unicodedata.normalize(form, "Zoë é.JPG"): picture(1)})
    for other in ("NFC", "NFD"):
        text = f"image,caption\n{unicodedata.normalize(other, 'zoë É.jpg')},a dog\n"
        assert read(tmp_path, text).captions == (("a dog",),)


def test_an_exact_name_comes_first_and_a_doubtful_one_is_refused(tmp_path: Path) -> None:
    put(tmp_path, {"a.jpg": picture(1), "A.jpg": picture(2)})
    assert read(tmp_path, "image,caption\na.jpg,small\nA.jpg,large\n").captions == (("large",), ("small",))
    with pytest.raises(CompanionError, match=r"line 2: 'A\.JPG' may mean A\.jpg or a\.jpg; write the name as it is"):
        read(tmp_path, "image,caption\nA.JPG,small\n")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "image,caption\na.jpg,a dog, running on grass, with a red ball\n",
            r"line 2: 4 fields in place of 2; .*quotes",
        ),
        ("image,caption\nsub/b.jpg,a cat\na.jpg,one, two\n", "line 3: 3 fields in place of 2"),
        ("image,caption,,\na.jpg,a dog, running,\n", "line 2: 4 fields in place of 2"),
        ("image,,caption\na.jpg,kept?,a dog\n", "line 2: 3 fields in place of 2"),
        ("image,caption\na.jpg,'a dog, running'\n", "line 2: 3 fields in place of 2"),
        ("image,caption,caption\na.jpg,a dog,a cat\n", "two columns are called caption; keep one"),
        ("image;caption\na.jpg;a dog\n", "and commas in place of semicolons between them; it is 'image;caption'"),
        ("image\tcaption\na.jpg\ta dog\n", "and commas in place of tabs"),
        ("image|caption\n", "and commas in place of bars"),
        ("sep=,\nimage,caption\na.jpg,a dog\n", "no column 'image'; .* it is 'sep=,'"),
        ("filepath,title\n", r"no column 'image'; .* it is 'filepath,title'"),
        ("", "no column 'image'"),
        ("a.jpg,a dog\n", r"no column 'image'; .* it is 'a\.jpg,a dog'"),
        ("image,caption\na.jpg\n", "line 2: no image or no caption"),
        ('image,caption\na.jpg,"a dog" runs\n', "line 2: cut off .*; close its quotes"),
        ("image,caption\na.jpg,a dog\nb.jpg,a cat\n", r"first sub/b\.jpg \(line 3 has 'b\.jpg'\)"),
        (
            "image,caption\nC:\\pics\\a.jpg,a dog\nsub/b.jpg,a cat\n",
            r"first a\.jpg \(line 2 has 'C:\\\\pics\\\\a\.jpg'\)",
        ),
        ("image,caption\na,a dog\nsub/b.jpg,a cat\n", r"first a\.jpg \(line 2 has 'a'\)"),
        ("image,caption\na.jpg,caf\u00e9\n".encode("cp1252"), r"captions\.csv: not UTF-8 text \(line 2, byte 23\)"),
        ("image,caption\na.jpg,a dog\n".encode("utf-16"), r"captions\.csv: UTF-16 text"),
    ],
)
def test_what_would_be_lost_is_refused(tmp_path: Path, text: str | bytes, says: str) -> None:
    put(tmp_path, TWO)
    with pytest.raises(CompanionError, match=says):
        read(tmp_path, text)


def test_lines_of_json_have_their_own_numbers(tmp_path: Path) -> None:
    put(tmp_path, TWO)
    with pytest.raises(CompanionError, match=r"captions\.jsonl, line 3: no field 'caption'"):
        read(tmp_path, '{"image": "a.jpg", "caption": "x"}\n\n{"image": "sub/b.jpg"}\n', "captions.jsonl")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"image": "a.jpg", "caption": ["x", "y"]}', "'caption' is of type list, not str; correct it"),
        ('{"image": "a.jpg", "caption": " "}', "'caption' is empty; correct it"),
        ('{"image": "a.jpg", "caption": "x"', "cut off at character .*; correct it"),
        ('[{"image": "a.jpg", "caption": "x"}]', "no field 'image'"),
        ('{"image": "a.jpg", "caption": "x", "caption": "y"}', "key 'caption' appears twice; correct it"),
        ("\n\n", "no lines in it; correct it"),
        ('{"image": "a.jpg", "caption": "x"}\n'.encode("utf-16"), "UTF-16 text"),
    ],
)
def test_lines_of_json_that_are_wrong(tmp_path: Path, text: str | bytes, says: str) -> None:
    put(tmp_path, TWO)
    with pytest.raises(CompanionError, match=rf"captions\.jsonl.*: {says}"):
        read(tmp_path, text, "captions.jsonl")


def test_the_tally_names_columns_fields_and_further_captions(tmp_path: Path) -> None:
    put(tmp_path, TWO)
    tally = read(tmp_path, "image,caption,split,Source\na.jpg,x,t,u\na.jpg,y,t,u\nsub/b.jpg,z,t,u\n").tally
    assert tally is not None and tally.left_out == {"unread column": ("split", "source")}
    assert tally.read == ("2 pictures", "3 captions in captions.csv (the first of each picture is embedded)")
    (tmp_path / "captions.csv").unlink()
    lines = '{"image": "a.jpg", "caption": "x", "url": 1}\n{"image": "sub/b.jpg", "caption": "y"}\n'
    tally = read(tmp_path, lines, "captions.jsonl").tally
    assert tally is not None and tally.left_out == {"unread field": ("url",)}


def test_some_pictures_only(tmp_path: Path) -> None:
    put(tmp_path, TWO)
    text = "image,caption\nsub/b.jpg,a cat\nold.heic,a dog\n"
    with pytest.raises(CompanionError, match=r"1 of 2 pictures have no caption, .* or set on_bad=skip"):
        read(tmp_path, text)
    pairs = read(tmp_path, text, on_bad="skip")
    assert pairs.ids.tolist() == ["sub/b.jpg"] and pairs.captions == (("a cat",),) and pairs.images is not None
    assert len(pairs.images) == 1 and pairs.identity["left_out"] == "uncaptioned" and pairs.tally is not None
    assert pairs.tally.left_out == {"uncaptioned picture": ("a.jpg",), "stray caption": ("line 3: old.heic",)}
    with pytest.raises(CompanionError, match="2 of 2 pictures have no caption"):
        read(tmp_path, "image,caption\nz.jpg,a cat\n", on_bad="skip")


def test_the_file_of_a_folder(tmp_path: Path) -> None:
    put(tmp_path, TWO)
    assert find_captions(tmp_path) is None
    put(tmp_path, {"Captions.CSV": "image,caption\n", "captions.txt": "", "captions.tsv": ""})
    assert find_captions(tmp_path) == tmp_path / "Captions.CSV"
    put(tmp_path, {"captions.jsonl": "{}"})
    with pytest.raises(CompanionError, match=r"Captions\.CSV and captions\.jsonl both hold captions; keep one"):
        find_captions(tmp_path)
