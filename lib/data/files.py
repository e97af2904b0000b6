"""Crash-safe files: atomic writes, content hashes, and the cache whose folders are complete or absent."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lib.data.errors import CompanionError

ROOT = Path(__file__).resolve().parents[2]
"""The repository: `profiles/`, `notebooks/` and `results/` lie here."""

DONE = "done.json"
"""Written last into a finished cache folder; a folder without it is garbage."""


def cache_root() -> Path:
    """The cache folder: `COMPANION_CACHE`, or `.cache/` in the repository."""
    return Path(os.environ.get("COMPANION_CACHE") or ROOT / ".cache").expanduser().resolve()


def digest(value: Any) -> str:
    """sha256 of the canonical JSON of a plain value (dicts, lists, strings, finite numbers, booleans, None)."""
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CompanionError(f"cache key {value!r} is not plain JSON ({error}); use strings and numbers") from None
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_file(path: Path) -> str:
    """sha256 of a file's bytes, read in blocks."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a file so that a reader, or a crash at any moment, sees the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """`write_atomic` of indented JSON with sorted keys and no NaN."""
    write_atomic(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock named after `path`; the system releases it if the holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_name(path.name + ".lock"), "a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def is_done(folder: Path) -> bool:
    """Whether a cache folder is finished: its marker is there and every file it lists has the listed size."""
    try:
        marker = json.loads((folder / DONE).read_text())
        return all((folder / name).stat().st_size == entry["bytes"] for name, entry in marker["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def finish(folder: Path, **facts: Any) -> None:
    """Flush every file of a folder to disk and write its done-marker: name, bytes and sha256 of each, and `facts`."""
    files = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != DONE):
        with open(path, "rb") as stream:
            os.fsync(stream.fileno())
        files[path.relative_to(folder).as_posix()] = {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
    write_json(folder / DONE, {"files": files, **facts})


def cached(kind: str, key: dict[str, Any], build: Callable[[Path], None], *, keep_partial: bool = False) -> Path:
    """The finished cache folder of `key`, built by `build(folder)` if it is not there yet.

    The folder's name is the hash of everything that decides its bytes. Two processes that want the same folder
    build it once. A folder that a crash left unfinished is emptied first, unless `keep_partial`: then `build`
    finds what the earlier try left (finished shards, a checkpoint) and goes on from there.
    """
    folder = cache_root() / kind / digest(key)[:24]
    if is_done(folder):
        return folder
    with lock(folder):
        if is_done(folder):
            return folder
        if folder.exists() and not keep_partial:
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        build(folder)
        finish(folder, key=key)
    return folder


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
