"""Finding files: the order of the places, verification before use, mirrors, and what is said when nothing helps."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pooch
import pytest
import requests

from lib.base.errors import CompanionError, NotAvailable
from lib.base.places import data_root
from lib.data.formats import fetch
from lib.data.formats.fetch import fetch_dataset, locate, unpack, verify
from lib.data.formats.manifest import load_manifest

GOOD = b"the right bytes"
HASH = hashlib.sha256(GOOD).hexdigest()
URLS = ["https://first.example/f.bin", "https://second.example/f.bin"]

ENTRY = """
  {name}:
    title: t
    kind: {kind}
    version: "1"
    description: d
    licence: {{spdx: MIT, redistributable: true}}
    access: {access}
    how_to_obtain: {how}
    retrieved: {retrieved}
    files: {files}
    tiny: {tiny}
    used_by: {{}}
"""


def entry(name: str, files: str, access: str = "public", how: str = "null") -> str:
    tiny = "null" if name == "scenes" else "scenes"
    kind = "synthetic" if access == "synthetic" else "images"
    retrieved = "null" if access == "synthetic" else "2026-01-02"
    return ENTRY.format(name=name, kind=kind, access=access, how=how, files=files, tiny=tiny, retrieved=retrieved)


@pytest.fixture(autouse=True)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A manifest, a data root and a cache of their own, and no network."""
    archive = tmp_path / "data/z/a.tar"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w") as tar:
        tar.add(__file__, "top/x")
        tar.add(__file__, "top/y")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    size = archive.stat().st_size
    files = [
        entry("scenes", "[]", access="synthetic"),
        entry("pub", f"[{{path: d/f.bin, urls: {URLS}, sha256: {HASH}, bytes: {len(GOOD)}}}]"),
        entry("man", f"[{{path: m/f.bin, sha256: {HASH}, bytes: {len(GOOD)}}}]", access="manual", how="ask the owner."),
        entry(
            "new",
            "[{path: n/f.bin, urls: ['https://x.example/f'], sha256: null, sha256_note: not seen, bytes: null}]",
            how="wait for it",
        ),
        entry(
            "arc",
            f"[{{path: z/a.tar, sha256: {digest}, bytes: {size}, "
            "archive: {format: tar, members: [top/x], strip: 1}}]",
            access="manual",
            how="ask",
        ),
    ]
    (tmp_path / "m.yaml").write_text("manifest_version: 1\ndatasets:" + "".join(files))
    monkeypatch.setattr(fetch, "load_manifest", lambda: load_manifest(tmp_path / "m.yaml"))
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(pooch, "HTTPDownloader", lambda **kwargs: serve({}))
    return tmp_path


def serve(pages: dict[str, bytes | Exception], log: list[str] | None = None) -> Callable[..., None]:
    """A downloader as pooch calls it, over a dict instead of a network."""

    def download(url: str, output: Any, pooch: Any) -> None:
        if log is not None:
            log.append(url)
        page = pages.get(url, requests.exceptions.ConnectionError("no network"))
        if isinstance(page, BaseException):
            raise page
        Path(output).write_bytes(page)

    return download


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    def install(*pages: bytes | BaseException) -> list[str]:
        log: list[str] = []
        monkeypatch.setattr(pooch, "HTTPDownloader", lambda **kwargs: serve(dict(zip(URLS, pages, strict=False)), log))
        return log

    return install


def put(path: Path, content: bytes = GOOD) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_order_data_root_then_cache_then_url(world: Path, web: Callable[..., list[str]]) -> None:
    log = web(GOOD)
    kept = world / "cache/data/d/f.bin"
    assert locate("pub", "d/f.bin") == kept and log == URLS[:1]
    assert locate("pub", "d/f.bin") == kept and log == URLS[:1]
    given = put(world / "data/d/f.bin")
    assert locate("pub", "d/f.bin") == given and log == URLS[:1]
    assert locate("pub", "d/f.bin", fetch=False) == given


def test_without_data_root(world: Path, web: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPANION_DATA")
    put(world / "data/d/f.bin")
    web(GOOD)
    assert data_root() is None
    assert locate("pub", "d/f.bin") == world / "cache/data/d/f.bin"


def test_nothing_but_the_file_is_left(world: Path, web: Callable[..., list[str]]) -> None:
    web(GOOD)
    path = locate("pub", "d/f.bin")
    assert path.read_bytes() == GOOD and path.stat().st_mode & 0o777 == 0o644
    assert sorted(p.name for p in path.parent.iterdir()) == ["f.bin", "f.bin.lock"]


def test_mirrors_are_tried_in_order(world: Path, web: Callable[..., list[str]]) -> None:
    log = web(requests.exceptions.ConnectionError("down"), GOOD)
    assert locate("pub", "d/f.bin").read_bytes() == GOOD and log == URLS


def test_wrong_bytes_from_a_mirror_are_thrown_away(world: Path, web: Callable[..., list[str]]) -> None:
    log = web(b"evil", GOOD)
    assert locate("pub", "d/f.bin").read_bytes() == GOOD and log == URLS


def test_wrong_bytes_from_all(world: Path, web: Callable[..., list[str]]) -> None:
    web(b"evil", b"evil too")
    with pytest.raises(CompanionError) as error:
        locate("pub", "d/f.bin")
    assert not isinstance(error.value, NotAvailable)
    line = str(error.value)
    assert HASH in line and hashlib.sha256(b"evil").hexdigest() in line and "\n" not in line
    assert "d/f.bin of dataset 'pub' is not what the manifest expects" in line
    assert not (world / "cache/data/d/f.bin").exists()


def test_right_hash_but_wrong_size_in_the_manifest(world: Path, web: Callable[..., list[str]]) -> None:
    text = (world / "m.yaml").read_text()
    (world / "m.yaml").write_text(text.replace(f"bytes: {len(GOOD)}", "bytes: 7"))
    web(GOOD)
    with pytest.raises(CompanionError, match=rf"and 7 bytes, found sha256 {HASH} and {len(GOOD)} bytes"):
        locate("pub", "d/f.bin")


def test_no_network(world: Path, web: Callable[..., list[str]]) -> None:
    missing = requests.exceptions.HTTPError(response=requests.Response())
    missing.response.status_code = 404
    web(requests.exceptions.ConnectionError("down"), missing)
    with pytest.raises(NotAvailable) as error:
        locate("pub", "d/f.bin")
    assert str(error.value) == (
        "d/f.bin of dataset 'pub' is not here: run `python -m lib data fetch pub` with a network; or put it at "
        f"{world}/data/d/f.bin; tried {URLS[0]}: ConnectionError; {URLS[1]}: HTTP 404"
    )


def test_not_fetched_on_request_or_by_access(world: Path, web: Callable[..., list[str]]) -> None:
    log = web(GOOD)
    with pytest.raises(NotAvailable, match="run `python -m lib data fetch pub`"):
        locate("pub", "d/f.bin", fetch=False)
    with pytest.raises(NotAvailable, match=r"is not here: ask the owner; or put it at .*/data/m/f\.bin$"):
        locate("man", "m/f.bin")
    with pytest.raises(NotAvailable, match="is not here: wait for it; or put it at"):
        locate("new", "n/f.bin")
    assert log == []


def test_unknown_hash_is_taken_from_the_data_root_only(world: Path) -> None:
    given = put(world / "data/n/f.bin", b"whatever")
    assert locate("new", "n/f.bin") == given
    assert verify("new") == [("n/f.bin", "unverified")]


@pytest.mark.parametrize("content", [b"the wrong bytes", b"short", b""])
def test_wrong_file_in_the_data_root(world: Path, content: bytes) -> None:
    given = put(world / "data/d/f.bin", content)
    with pytest.raises(CompanionError) as error:
        locate("pub", "d/f.bin")
    line = str(error.value)
    assert line.startswith(f"{given}: expected sha256 {HASH} and 15 bytes, found sha256 ")
    assert hashlib.sha256(content).hexdigest() in line and line.endswith("; replace or remove the file")
    assert given.read_bytes() == content


def test_wrong_file_in_the_cache_is_fetched_again(world: Path, web: Callable[..., list[str]]) -> None:
    kept = put(world / "cache/data/d/f.bin", b"rotten")
    with pytest.raises(CompanionError, match=rf"{kept}: expected sha256 {HASH}"):
        locate("pub", "d/f.bin", fetch=False)
    web(GOOD)
    assert locate("pub", "d/f.bin").read_bytes() == GOOD


def test_interrupted_download_leaves_nothing_and_the_next_try_works(world: Path, web: Callable[..., list[str]]) -> None:
    web(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        locate("pub", "d/f.bin")
    assert [p.name for p in (world / "cache/data/d").iterdir()] == ["f.bin.lock"]
    put(world / "cache/data/d/f.bin.part/tmp123", b"half")  # what kill -9 leaves
    web(GOOD)
    assert locate("pub", "d/f.bin").read_bytes() == GOOD
    assert not (world / "cache/data/d/f.bin.part").exists()


def test_a_file_is_hashed_once(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = put(world / "data/d/f.bin")
    hashed: list[Path] = []
    monkeypatch.setattr(fetch, "sha256_file", lambda path: hashed.append(path) or HASH)
    for _ in range(3):
        locate("pub", "d/f.bin")
    assert hashed == [given]
    os.utime(given, ns=(1, 1))
    locate("pub", "d/f.bin")
    assert hashed == [given, given]


def test_a_changed_file_is_noticed(world: Path) -> None:
    given = put(world / "data/d/f.bin")
    locate("pub", "d/f.bin")
    put(given, GOOD[::-1])
    os.utime(given, ns=(5, 5))
    with pytest.raises(CompanionError, match="expected sha256"):
        locate("pub", "d/f.bin")


def slow_fetch(counter: Path) -> None:
    def download(url: str, output: Any, pooch: Any) -> None:
        with open(counter, "a") as stream:
            stream.write("x")
        time.sleep(0.2)
        Path(output).write_bytes(GOOD)

    pooch.HTTPDownloader = lambda **kwargs: download
    locate("pub", "d/f.bin")


def test_two_processes_fetch_once(world: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=slow_fetch, args=(world / "counter",)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert (world / "counter").read_text() == "x"


def test_whole_dataset_and_states(world: Path, web: Callable[..., list[str]]) -> None:
    assert verify("pub") == [("d/f.bin", "missing")]
    web(GOOD)
    assert fetch_dataset("pub") == [world / "cache/data/d/f.bin"]
    assert verify("pub") == [("d/f.bin", "ok")]
    put(world / "data/d/f.bin", b"rotten")
    assert verify("pub") == [("d/f.bin", "wrong")]
    assert fetch_dataset("scenes") == [] and verify("scenes") == []


def test_unpack(world: Path) -> None:
    folder = unpack("arc", "z/a.tar")
    assert sorted(p.name for p in folder.iterdir()) == ["done.json", "x"]
    assert unpack("arc", "z/a.tar") == folder
    with pytest.raises(CompanionError, match=r"d/f\.bin of dataset 'pub' lists no members to unpack"):
        unpack("pub", "d/f.bin")


def test_unknown_names_and_root(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CompanionError, match="no dataset 'pubb' in the manifest; did you mean pub"):
        locate("pubb", "d/f.bin")
    with pytest.raises(CompanionError, match=r"dataset 'pub' has no file 'f'; known: d/f\.bin"):
        locate("pub", "f")
    monkeypatch.setenv("COMPANION_DATA", str(world / "nowhere"))
    with pytest.raises(CompanionError, match=r"COMPANION_DATA is .*nowhere, which is not a folder"):
        locate("pub", "d/f.bin")
