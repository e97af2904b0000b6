"""Benchmark text files: JSON that is cut off, doubled or of another kind is one line that names the place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.data.captions import each_caption, sentences, split_sentences
from lib.data.formats.text_files import check_size, field, read_json, read_json_lines, text_field, text_pairs
from lib.data.pairs import Pairs

TEXT = '{"a": [1, "two"], "b": {"c": "three"}}'


def written(folder: Path, text: str | bytes, name: str = "f.json") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_json(tmp_path: Path) -> None:
    assert read_json(written(tmp_path, TEXT)) == {"a": [1, "two"], "b": {"c": "three"}}
    assert read_json_lines(written(tmp_path, '{"a": 1}\n\n{"a": 2}\n')) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("cut", range(1, len(TEXT)))
def test_cut_json(tmp_path: Path, cut: int) -> None:
    with pytest.raises(CompanionError, match=r"^f\.json: cut off at character .*get the file again$"):
        read_json(written(tmp_path, TEXT[:cut]))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r"f\.json: cut off at character 0"),
        ("<html>not here</html>", r"f\.json: not JSON at character 0"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', r"f\.json: key 'c' appears twice"),
        (b"\xff\xfe", r"f\.json: UTF-16 text, which Excel calls Unicode text; save it as UTF-8"),
        (TEXT.encode("utf-16"), r"f\.json: UTF-16 text"),
        (TEXT.encode("utf-16-be"), r"f\.json: UTF-16 or UTF-32 text without a mark at its start"),
        (TEXT.encode("utf-32"), r"f\.json: UTF-32 text"),
        ('[1,\n"é"]'.encode("cp1252"), r"f\.json: not UTF-8 text \(line 2, byte 5\); save it as UTF-8"),
        ("犬".encode("shift-jis"), r"f\.json: not UTF-8 text \(line 1, byte 0\)"),
        (b"version https://git-lfs.github.com/spec/v1\n", r"f\.json: a Git LFS pointer .* `git lfs pull`"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_other_content(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(CompanionError, match=says):
        read_json(written(tmp_path, text))


def test_missing_files_and_lines(tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match=r"none\.json: no such file"):
        read_json(tmp_path / "none.json")
    with pytest.raises(CompanionError, match=r"cannot be read \(.*\); give another file"):
        read_json(tmp_path)
    with pytest.raises(CompanionError, match=r"f\.json, line 2: cut off"):
        read_json_lines(written(tmp_path, '{"a": 1}\n{"a"'))
    with pytest.raises(CompanionError, match="no lines in it"):
        read_json_lines(written(tmp_path, "\n\n"))


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({}, "here: no field 'a'"),
        ([], "here: no field 'a'"),
        ({"a": 1}, "here: 'a' is of type int, not str"),
        ({"a": True}, "here: 'a' is of type bool, not str"),
        ({"a": " "}, "here: 'a' is empty"),
    ],
)
def test_fields(record: Any, says: str) -> None:
    with pytest.raises(CompanionError, match=says):
        text_field(record, "a", "here")
    assert field({"a": [1]}, "a", list, "here") == [1]


def test_pairs_and_their_identity(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT)
    pairs = text_pairs("x", [path], [("a", ("one", "two")), ("b", ("three",))], split="test")
    assert pairs.ids.tolist() == ["a", "b"] and pairs.identity["split"] == "test" and pairs.images is None
    other = text_pairs("x", [written(tmp_path, TEXT + " ")], [("a", ("one",))], split="test")
    assert other.identity["files"] != pairs.identity["files"]
    assert check_size(pairs, 2, "x") is pairs
    for entries, says in (
        ([], "no images in it"),
        ([("a", ("one",)), ("a", ("two",))], "image a appears twice"),
        ([("a", ())], "image a has no caption"),
        ([("a", ("one", " "))], "image a has no caption or an empty one"),
    ):
        with pytest.raises(CompanionError, match=rf"f\.json: {says}"):
            text_pairs("x", [path], entries)
    with pytest.raises(CompanionError, match="x has 3 images and this file 2: it is cut off"):
        check_size(pairs, 3, "x")
    with pytest.raises(CompanionError, match="another split"):
        check_size(pairs, 1, "x")


def test_every_caption_has_an_owner(tmp_path: Path) -> None:
    pairs = text_pairs("x", [written(tmp_path, TEXT)], [("a", ("one. Two!", "three")), ("b", ("four",))])
    each, owner = each_caption(pairs)
    assert each.ids.tolist() == ["a#0", "a#1", "b#0"] and owner.tolist() == [0, 0, 1]
    assert each.captions == (("one. Two!",), ("three",), ("four",)) and each.identity != pairs.identity
    parts = sentences(pairs)
    assert parts.captions == (("one.", "Two!", "three"), ("four",)) and parts.identity != pairs.identity
    for function in (each_caption, sentences):
        with pytest.raises(CompanionError, match="have no captions"):
            function(Pairs(pairs.ids, None, None, {}))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One thing. Another one", ["One thing.", "Another one"]),
        ('He says "Stop!" Then he goes.', ['He says "Stop!"', "Then he goes."]),
        ("It is 3.5 m long, e.g. here. Yes? 2 of them.", ["It is 3.5 m long, e.g. here.", "Yes?", "2 of them."]),
        ("First line\nsecond line", ["First line", "second line"]),
        ("  ", []),
    ],
)
def test_sentences(text: str, parts: list[str]) -> None:
    assert [part.replace('"', "") for part in split_sentences(text)] == [part.replace('"', "") for part in parts]


@given(st.text(alphabet="aB1 .!?\n\"'"))
def test_sentences_lose_no_word(text: str) -> None:
    def letters(value: str) -> str:
        return "".join(letter for letter in value if letter.isalnum())

    assert letters("".join(split_sentences(text))) == letters(text)


def test_captions_that_are_no_unicode_are_one_line(tmp_path: Path) -> None:
    for name, caption in (("a\ud800", "fine"), ("a", "half \udc00")):
        with pytest.raises(CompanionError, match=r"f.json: image .* or its caption is not Unicode; get the file again"):
            text_pairs("x", [written(tmp_path, TEXT)], [(name, (caption,))])


def test_a_number_of_thousands_of_digits_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match=r"f.json: cannot be read \(.*digits.*\); get the file again"):
        read_json(written(tmp_path, "1" * 5000))
