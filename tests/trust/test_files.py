"""Disks that are full or read-only, processes that are killed or run at once, clocks that jump, fetches that break."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from lib.base import files
from lib.base.errors import NotAvailable
from lib.base.files import ROOT, TEMPORARY, cached, lock, sweep, write_atomic
from lib.data.formats import fetch
from lib.data.formats.manifest import load_manifest
from tests.trust import disk
from tests.trust.common import Tried, listing, one_line
from tests.trust.works import CONTENT, MANIFEST, WORKS

AT_ONCE = 4
CUTS = [0, 1, 1000, len(CONTENT) - 1]

TRIED = [
    Tried("jobs run by several processes at once", len(WORKS), "all end well, with the bytes of a single one"),
    Tried("jobs under a clock that jumps by years", len(WORKS), "the same bytes; existing files are not made again"),
    Tried("interrupted fetches", len(CUTS), "the next address is tried; no partial file is kept"),
]


def run(module: str, *words: str) -> list[dict[str, Any]]:
    """The JSON lines that a module of this folder prints; its works run in processes with one thread."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    words = (sys.executable, "-m", f"tests.trust.{module}", *words)
    answer = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr[-2000:]
    return [json.loads(line) for line in answer.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("work", ["unpacking", "fetching"])
def test_a_kill_before_any_change_of_the_disk_costs_nothing(work: str) -> None:
    """The two shortest works; the command without `--work` does all."""
    (found,) = run("steps", "--work", work)
    assert found["work"] == work and found["kills"] > 10 and found["files"] and found["differing"] == []


@pytest.mark.slow
def test_a_full_or_read_only_disk_is_told_and_costs_nothing() -> None:
    found = run("disk")
    assert [one["work"] for one in found] == list(WORKS) and all(one["limited"] for one in found)
    if disk.allowed():
        assert all(one["disks"] > 1 and one["differing"] == [] and one["read_only"] for one in found)


@pytest.mark.slow
def test_works_at_once_and_under_a_jumping_clock() -> None:
    found = run("together", str(AT_ONCE))
    assert [(one["work"], one["at_once"], one["clock"]) for one in found] == [(name, True, True) for name in WORKS]


FORKED = """
import os, sys
from pathlib import Path
from lib.base.files import write_atomic
from tests.trust.steps import watch
for at in range(1, 9):
    root = Path(sys.argv[1]) / str(at)
    child = os.fork()
    if child == 0:
        watch(root, at)
        write_atomic(root / "cache" / "x", "new")
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_the_watcher_of_changes_sees_what_write_atomic_does(tmp_path: Path) -> None:
    """Killed before its change number n, a process has made n - 1: so many leave nothing new."""
    texts = [tmp_path / str(at) / "cache" / "x" for at in range(1, 9)]
    for text in texts:
        text.parent.mkdir(parents=True)
        text.write_text("old")
    told = subprocess.run([sys.executable, "-c", FORKED, str(tmp_path)], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    seen = [(int(status), text.read_text()) for status, text in zip(told.stdout.split(), texts, strict=True)]
    whole = seen.index((0, "new"))
    assert whole > 2 and seen[whole:] == [(0, "new")] * (len(seen) - whole)
    assert seen[:whole] == [(-signal.SIGKILL, "old")] * whole


def test_what_a_killed_writer_left_is_swept_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    dead, alive = tmp_path / f".a.dead{TEMPORARY}", tmp_path / f".b.alive{TEMPORARY}"
    dead.write_text("half")
    with open(alive, "w") as stream:
        files.fcntl.flock(stream, files.fcntl.LOCK_EX)
        write_atomic(tmp_path / "c", "whole")
        assert sorted(path.name for path in tmp_path.iterdir()) == [alive.name, "c"]
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_a_file_swept_before_it_was_locked_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock_file, made = files.fcntl.flock, []

    def late(stream: Any, operation: int) -> None:
        if not made:
            made.append(stream.name)
            (found,) = tmp_path.iterdir()
            found.unlink()  # what another process's `sweep` does between the two calls
        lock_file(stream, operation)

    monkeypatch.setattr(files.fcntl, "flock", late)
    write_atomic(tmp_path / "x", "whole")
    assert made and listing(tmp_path) == {"x": b"whole"}


@pytest.mark.parametrize("place", ["a file", "under a file"])
def test_a_cache_that_is_no_folder_is_told(tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("mine")
    root = tmp_path / "file" / ("" if place == "a file" else "cache")
    monkeypatch.setenv("COMPANION_CACHE", str(root))
    with one_line("cannot be written", "COMPANION_CACHE"):
        cached("kind", {"x": 1}, lambda folder: None)
    with one_line("cannot be written"), lock(root / "x"):
        pytest.fail("locked")
    assert listing(tmp_path) == {"file": b"mine"}


def test_an_error_of_the_disk_while_building_is_told_and_other_errors_pass(cache: Path) -> None:
    def fails(folder: Path, error: OSError) -> None:
        (folder / "half").write_bytes(CONTENT)
        raise error

    for error in (OSError(28, "No space left on device"), OSError("4096 requested and 100 written")):
        with one_line("cannot be written", "make room"):
            cached("kind", {"x": 1}, lambda folder, error=error: fails(folder, error))  # type: ignore[misc]
    with pytest.raises(FileNotFoundError):
        cached("kind", {"x": 1}, lambda folder: fails(folder, FileNotFoundError(2, "of the user's")))
    assert [name for name in listing(cache) if not name.endswith(".lock")] == []


@pytest.fixture
def far(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A server on this machine for the two addresses of `MANIFEST`; what it sends of the first is up to the test."""
    (tmp_path / "m.yaml").write_text(MANIFEST)
    state: dict[str, Any] = {"cut": None, "asked": [], "kept": cache / "data" / "far"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state["asked"].append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            cut = state["cut"] if "first" in self.path else None
            self.wfile.write(CONTENT[:cut])
            self.wfile.flush()
            while state.get("hangs") and "first" in self.path:
                time.sleep(0.05)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        state["port"] = server.server_address[1]
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.delenv("COMPANION_DATA", raising=False)
        monkeypatch.setattr(fetch, "load_manifest", lambda: load_manifest(tmp_path / "m.yaml"))
        monkeypatch.setattr(fetch, "https_url", lambda url: url.replace("https:/", f"http://127.0.0.1:{state['port']}"))
        yield state
        server.shutdown()


@pytest.mark.parametrize("cut", CUTS)
def test_a_fetch_that_breaks_off_goes_to_the_next_address(far: dict[str, Any], cut: int) -> None:
    far["cut"] = cut
    path = fetch.locate("far", "far/f.bin")
    assert path.read_bytes() == CONTENT and len(far["asked"]) == 2
    assert sorted(one.name for one in path.parent.iterdir()) == ["f.bin", "f.bin.lock"]


KILLED = """
import sys
from pathlib import Path
from lib.data.formats import fetch
from lib.data.formats.manifest import load_manifest
fetch.load_manifest = lambda: load_manifest(Path(sys.argv[1]))
fetch.https_url = lambda url: url.replace("https:/", "http://127.0.0.1:" + sys.argv[2])
fetch.locate("far", "far/f.bin")
"""


def test_a_fetch_that_is_killed_begins_again(far: dict[str, Any], tmp_path: Path) -> None:
    far |= {"cut": 70_000, "hangs": True}
    words = [sys.executable, "-c", KILLED, str(tmp_path / "m.yaml"), str(far["port"])]
    process = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        while not [path for path in far["kept"].glob("*.part/*") if path.stat().st_size]:
            assert process.poll() is None, "the fetch ended before it could be killed"
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
        far["hangs"] = False
    assert not (far["kept"] / "f.bin").exists()
    assert hashlib.sha256(fetch.locate("far", "far/f.bin").read_bytes()).digest() == hashlib.sha256(CONTENT).digest()
    assert sorted(one.name for one in far["kept"].iterdir()) == ["f.bin", "f.bin.lock"]


def test_no_address_that_answers_is_told(far: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "https_url", lambda url: "http://127.0.0.1:9/x")
    with pytest.raises(NotAvailable, match="is not here: run `python -m lib data fetch far` with a network"):
        fetch.locate("far", "far/f.bin")
    assert [one.name for one in far["kept"].iterdir()] == ["f.bin.lock"]


def test_a_remembered_hash_that_is_none_is_taken_anew(far: dict[str, Any], cache: Path) -> None:
    path = fetch.locate("far", "far/f.bin")
    for content in (b"", b"\xff\xfe", b"no hash"):
        for record in (cache / "verified").iterdir():
            record.write_bytes(content)
        assert fetch.locate("far", "far/f.bin") == path and len(far["asked"]) == 1
