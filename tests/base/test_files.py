"""Cached folders are complete or absent, and damage is noticed, reported and repaired."""

from __future__ import annotations

import fcntl
import json
import logging
import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lib.base import files
from lib.base.errors import CompanionError
from lib.base.files import DONE, cache_folder, cached, damage, digest, is_done, lock, sha256_file, state_of

KEY = {"x": 1}
CONTENT = b"0123456789"


class Builder:
    """Writes two files; counts how often it is asked to, and remembers what it found."""

    def __init__(self) -> None:
        self.calls, self.found = 0, list[str]()

    def __call__(self, folder: Path) -> dict[str, int]:
        self.calls += 1
        self.found = sorted(path.name for path in folder.iterdir())
        (folder / "part").mkdir(exist_ok=True)
        (folder / "a.bin").write_bytes(CONTENT)
        (folder / "part" / "b.bin").write_bytes(CONTENT * 2)
        return {"rows": 10}


@pytest.fixture
def build() -> Builder:
    return Builder()


@pytest.fixture
def folder(cache: Path, build: Builder) -> Path:
    return cached("kind", KEY, build)


def flip(path: Path) -> None:
    """Change one bit, and leave size and time of change as they are, as a failing disk does."""
    state = path.stat()
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def truncate(folder: Path) -> None:
    (folder / "a.bin").write_bytes(CONTENT[:-1])


def flip_a_bit(folder: Path) -> None:
    flip(folder / "part" / "b.bin")


def lose_a_file(folder: Path) -> None:
    (folder / "a.bin").unlink()


def cut_the_marker(folder: Path) -> None:
    (folder / DONE).write_bytes((folder / DONE).read_bytes()[:40])


def empty_the_marker(folder: Path) -> None:
    (folder / DONE).write_text("{}")


def replace_by_a_file(folder: Path) -> None:
    files._remove(folder)
    folder.write_text("no folder")


def test_a_whole_folder_is_built_once_and_its_marker_tells_its_content(folder: Path, build: Builder) -> None:
    assert cached("kind", KEY, build) == folder == cache_folder("kind", KEY)
    assert build.calls == 1 and is_done(folder) and damage(folder) is None
    marker = json.loads((folder / DONE).read_text())
    assert marker["key"] == KEY and marker["rows"] == 10
    assert marker["files"] == {
        name: {"bytes": size, "sha256": sha256_file(folder / name)}
        for name, size in (("a.bin", 10), ("part/b.bin", 20))
    }


@pytest.mark.parametrize("keep_partial", [False, True])
@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (truncate, "a.bin has 9 bytes in place of 10"),
        (flip_a_bit, "part/b.bin has other bytes than were written"),
        (lose_a_file, "a.bin is missing"),
        (cut_the_marker, "its marker cannot be read (JSONDecodeError)"),
        (empty_the_marker, "its marker cannot be read (KeyError)"),
        (replace_by_a_file, "its marker cannot be read (NotADirectoryError)"),
    ],
)
def test_a_damaged_folder_is_named_and_made_anew(
    harm: Callable[[Path], None],
    told: str,
    keep_partial: bool,
    folder: Path,
    build: Builder,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (folder / "left over").touch()
    harm(folder)
    assert damage(folder) == told
    assert is_done(folder) == (harm is flip_a_bit)
    with caplog.at_level(logging.WARNING):
        cached("kind", KEY, build, keep_partial=keep_partial)
    assert [record.getMessage() for record in caplog.records] == [f"{folder} is damaged and will be made again: {told}"]
    assert build.calls == 2 and build.found == [] and damage(folder) is None


def test_a_folder_without_marker_is_garbage_or_a_start_and_no_damage(
    folder: Path, build: Builder, caplog: pytest.LogCaptureFixture
) -> None:
    for keep_partial, found in ((True, ["a.bin", "part"]), (False, [])):
        (folder / DONE).unlink()
        assert damage(folder) == "" and not is_done(folder)
        cached("kind", KEY, build, keep_partial=keep_partial)
        assert build.found == found and is_done(folder)
    assert build.calls == 3 and not caplog.records


def test_a_file_is_hashed_once_in_a_process_and_again_after_a_change(
    folder: Path, build: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = []
    monkeypatch.setattr(files, "sha256_file", lambda path: hashed.append(path.name) or sha256_file(path))
    for _ in range(3):
        cached("kind", KEY, build)
    assert hashed == ["a.bin", "b.bin"]
    (folder / "a.bin").write_bytes(CONTENT[::-1])
    cached("kind", KEY, build)
    assert build.calls == 2


def test_large_files_are_only_measured_unless_asked(
    folder: Path, build: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_HASHED_BYTES", 15)
    flip_a_bit(folder)
    cached("kind", KEY, build)
    assert build.calls == 1
    assert damage(folder) == "part/b.bin has other bytes than were written"


def test_a_lock_ends_although_a_child_process_has_inherited_it(tmp_path: Path) -> None:
    with lock(tmp_path / "thing"):
        child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
        child.start()
    try:
        with open(tmp_path / "thing.lock", "a") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        child.kill()
        child.join()


def test_a_build_that_fails_leaves_no_finished_folder(cache: Path) -> None:
    def fails(folder: Path) -> None:
        (folder / "a.bin").write_bytes(CONTENT)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cached("kind", KEY, fails)
    assert damage(cache_folder("kind", KEY)) == ""


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, Path("a")])
def test_a_cache_key_that_is_no_plain_json_is_one_line(value: object) -> None:
    with pytest.raises(CompanionError, match=r"cache key .* is not plain JSON .*; use strings and numbers"):
        digest({"part": value})


def test_the_state_of_files_is_their_names_sizes_and_times(tmp_path: Path) -> None:
    paths = [tmp_path / "sub" / "b.bin", tmp_path / "a.bin"]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(CONTENT)
        os.utime(path, ns=(5, 7))
    assert state_of(paths, tmp_path) == digest([["sub/b.bin", 10, 7], ["a.bin", 10, 7]])
    assert state_of(paths[1:]) == digest([[(tmp_path / "a.bin").resolve().as_posix(), 10, 7]])
    os.utime(paths[0], ns=(5, 8))
    assert state_of(paths, tmp_path) == digest([["sub/b.bin", 10, 8], ["a.bin", 10, 7]])
