"""A folder of pictures as telephones, servers and people leave it: every entry is read or named."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lib.base.errors import CompanionError
from lib.data.formats.picture_files import find_pictures, survey
from tests.data.formats.files import picture, put

JPEG = picture(7)


def test_all_endings_of_jpeg_are_read_and_other_kinds_counted(tmp_path: Path) -> None:
    put(tmp_path, dict.fromkeys(("a.jpg", "b.jfif", "c.jpe", "d.JPEG", "e.pjpeg"), JPEG))
    put(tmp_path, {"IMG_1.HEIC": b"heic", "d.avif": b"avif", "e.svg": b"<svg/>", "raw.CR2": b"II*\0"})
    names, tally = find_pictures(tmp_path)
    assert names == ["a.jpg", "b.jfif", "c.jpe", "d.JPEG", "e.pjpeg"]
    assert tally.line().endswith(
        ": 5 pictures; left out: 1 unread .avif picture (d.avif), 1 unread .cr2 picture (raw.CR2), "
        "1 unread .heic picture (IMG_1.HEIC), 1 unread .svg picture (e.svg)"
    )


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("photo", JPEG, "unread picture"),
        ("b.jpg_large", JPEG, "unread .jpg_large picture"),
        ("c.jpg ", JPEG, "unread .jpg  picture"),
        ("d.png.1", picture(1, "PNG"), "unread .1 picture"),
        ("e.tmp", b"\0\0\0\x18ftypheic", "unread .tmp picture"),
        ("f.webp.part", picture(1, "WEBP"), "unread .part picture"),
        ("clip.mp4", b"\0\0\0\x18ftypisom", "other file"),
        ("Thumbs.db", b"x", "other file"),
        ("old.tar.gz", b"\x1f\x8b", "other file"),
        ("empty", b"", "other file"),
        (".DS_Store", b"x", "hidden file"),
        ("._a.jpg", JPEG, "hidden file"),
        (".trash/a.jpg", JPEG, "hidden file"),
        ("@eaDir/SYNOPHOTO_THUMB_S.jpg", JPEG, "thumbnail folder"),
        ("__MACOSX/a.png", JPEG, "thumbnail folder"),
        ("captions.txt", "image,caption", "unread caption file"),
        ("captions.tsv", "image\tcaption", "unread caption file"),
        ("Captions_2.csv", "image,caption", "unread caption file"),
        ("metadata.csv", "file_name,text", "unread caption file"),
        ("annotations.json", "{}", "unread caption file"),
        ("sub/results.csv", "a|b", "unread caption file"),
        ("a.txt", "a dog", "unread caption file"),
        ("a.caption", "a dog", "unread caption file"),
        ("notes.txt", "not of a picture", "other file"),
    ],
)
def test_what_is_left_out_is_named(tmp_path: Path, name: str, content: bytes | str, kind: str) -> None:
    put(tmp_path, {"a.jpg": JPEG, name: content})
    names, tally = find_pictures(tmp_path)
    left = name.split("/")[0] if kind in ("hidden file", "thumbnail folder") else name
    assert names == ["a.jpg"] and tally.left_out == {kind: (left,)}


def test_links_are_followed_each_folder_once(tmp_path: Path) -> None:
    home = put(tmp_path / "home", {"a.jpg": JPEG, "sub/b.jpg": JPEG})
    put(tmp_path / "far", {"c.jpg": JPEG, "deep/d.jpg": JPEG})
    (home / "far").symlink_to(tmp_path / "far")
    (home / "deep").symlink_to(tmp_path / "far" / "deep")
    (home / "again").symlink_to(home / "sub")
    (home / "sub" / "up").symlink_to(home)
    (home / "e.jpg").symlink_to(tmp_path / "far" / "c.jpg")
    (home / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    os.mkfifo(home / "pipe")
    (home / "f.jpg").symlink_to("/dev/zero")
    names, tally = find_pictures(home)
    assert {name.rsplit("/", 1)[-1] for name in names} == {"a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"}
    assert len(names) == 5 and {"sub/b.jpg", "far/c.jpg"} < set(names)
    assert tally.left_out["broken link"] == ("gone.jpg",) and tally.left_out["special file"] == ("f.jpg", "pipe")
    assert {"again", "sub/up"} < set(tally.left_out["repeated link"]) and len(tally.left_out["repeated link"]) == 3


def test_a_folder_of_other_kinds_alone(tmp_path: Path) -> None:
    put(tmp_path, {"a.heic": b"x", "b.heic": b"x"})
    with pytest.raises(
        CompanionError, match=r"no images in it; .*left out: 2 unread \.heic pictures \(a\.heic, b\.heic"
    ):
        find_pictures(tmp_path)
    assert survey(tmp_path)[0] == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    put(tmp_path, {"a.jpg": JPEG, "closed/b.jpg": JPEG})
    (tmp_path / "closed").chmod(0)
    try:
        with pytest.raises(CompanionError, match=r"closed: cannot be read \(Permission denied\)"):
            find_pictures(tmp_path)
    finally:
        (tmp_path / "closed").chmod(0o700)


def test_a_name_that_the_locale_cannot_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / os.fsdecode(b"\xff.jpg")).write_bytes(JPEG)
    with pytest.raises(CompanionError, match="is not in UTF-8; rename the file"):
        find_pictures(tmp_path)
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    with pytest.raises(CompanionError, match=r"Python reads file names as ascii here .*; set PYTHONUTF8=1"):
        find_pictures(tmp_path)
