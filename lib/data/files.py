"""Crash-safe files: atomic writes, content hashes, and the cache whose folders are complete or absent."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import logging
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from lib.data.errors import CompanionError

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
"""The repository: `profiles/`, `notebooks/` and `results/` lie here."""

DONE = "done.json"
"""Written last into a finished cache folder; a folder without it is garbage."""

HASHED_BYTES = 2**30
"""Cached files up to this size are hashed when a process first opens them, which takes a second at most."""

TEMPORARY = ".unfinished"
"""How the names of files end that `write_atomic` has not finished; hidden ones, beside the file that they become."""

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
"""What is wrong with the disk, whoever writes on it."""


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
    """Write a file so that a reader, or a crash at any moment, sees the old file or the new one, never a part.

    What a crash left of an earlier try goes away at the next writing in the same folder.
    """
    data = content.encode() if isinstance(content, str) else content
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent)
        name, stream = _temporary(path)
        try:
            with stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
                os.chmod(name, 0o644)
                os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def _temporary(path: Path) -> tuple[str, BinaryIO]:
    """A new file beside `path`, open and locked: the lock, which ends with its holder, tells `sweep` to leave it."""
    while True:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=TEMPORARY)
        stream = os.fdopen(handle, "wb")
        fcntl.flock(stream, fcntl.LOCK_EX)
        if os.path.exists(name):  # not swept away before it was locked
            return name, stream
        stream.close()


def sweep(folder: Path) -> None:
    """Remove what processes that were killed left of files in a folder; those that are being written stay."""
    with os.scandir(folder) as entries:
        names = [entry.path for entry in entries if entry.name.startswith(".") and entry.name.endswith(TEMPORARY)]
    for name in names:
        with suppress(OSError), open(name, "rb") as stream:  # gone by now, or its writer lives and holds the lock
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(name)


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Tell in one line that a file or folder cannot be written: a full or read-only disk, no permission, no folder."""
    try:
        yield
    except OSError as error:
        raise _unwritable(path, error) from None


def no_room(error: OSError) -> bool:
    """Whether the disk is full or read-only; numpy tells of a full one by a message alone."""
    return error.errno in NO_ROOM or (error.errno is None and "requested and" in str(error))


def _unwritable(path: Path, error: OSError) -> CompanionError:
    reason = error.strerror or "no space left on the disk"
    return CompanionError(
        f"{path}: cannot be written ({reason}); make room, or name another folder (COMPANION_CACHE, COMPANION_RESULTS)"
    )


def write_json(path: Path, value: Any) -> None:
    """`write_atomic` of indented JSON with sorted keys and no NaN."""
    write_atomic(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock named after `path`; the system releases it if the holder dies."""
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = open(path.with_name(path.name + ".lock"), "a")  # noqa: SIM115 (what runs under the lock is not told)
    with stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(
                stream, fcntl.LOCK_UN
            )  # closing would leave it to child processes, which have the file open too


def is_done(folder: Path) -> bool:
    """Whether a cache folder is finished: its marker is there and every file it lists has the listed size."""
    return damage(folder, hashed_bytes=-1) is None


def damage(folder: Path, hashed_bytes: float = math.inf) -> str | None:
    """What is wrong with a cache folder, in a few words; None if every file has the size and sha256 of its marker.

    Empty if there is no marker: then the folder is not there or not finished. hashed_bytes: of larger files only the
    size is looked at. A file is hashed once in a process, until its size or time of change is another.
    """
    try:
        for name, entry in json.loads((folder / DONE).read_bytes())["files"].items():
            path, size = folder / name, entry["bytes"]
            state = path.stat()
            if state.st_size != size:
                return f"{name} has {state.st_size} bytes in place of {size}"
            if size <= hashed_bytes and _sha256_once(path, size, state.st_mtime_ns) != entry["sha256"]:
                return f"{name} has other bytes than were written"
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing" if (folder / DONE).exists() else ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"its marker cannot be read ({type(error).__name__})"
    return None


@cache
def _sha256_once(path: Path, _bytes: int, _mtime_ns: int) -> str:
    return sha256_file(path)


def finish(folder: Path, **facts: Any) -> None:
    """Flush every file of a folder to disk and write its done-marker: name, bytes and sha256 of each, and `facts`."""
    sweep(folder)
    files = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != DONE):
        with open(path, "rb") as stream:
            os.fsync(stream.fileno())
        files[path.relative_to(folder).as_posix()] = {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
    write_json(folder / DONE, {"files": files, **facts})


def cache_folder(kind: str, key: dict[str, Any]) -> Path:
    """Where `cached` keeps what `key` decides, finished or not."""
    return cache_root() / kind / digest(key)[:24]


def in_cache(kind: str, key: dict[str, Any]) -> bool:
    """Whether `cached` has what `key` decides, finished and whole."""
    return damage(cache_folder(kind, key), HASHED_BYTES) is None


def cached(
    kind: str,
    key: dict[str, Any],
    build: Callable[[Path], dict[str, Any] | None],
    *,
    keep_partial: bool = False,
) -> Path:
    """The finished cache folder of `key`, built by `build(folder)` if it is not there yet.

    The folder's name is the hash of everything that decides its bytes. Two processes that want the same folder
    build it once. What `build` returns goes into the marker. A finished folder whose files have changed is made anew,
    with a warning. What `build` leaves when it fails is removed, and what a crash left is removed before it begins,
    unless `keep_partial`: then `build` finds what the earlier try left (a checkpoint) and goes on from there.
    """
    folder = cache_folder(kind, key)
    if damage(folder, HASHED_BYTES) is None:
        return folder
    with lock(folder):
        wrong = damage(folder, HASHED_BYTES)
        if wrong is None:
            return folder
        if wrong:
            log.warning("%s is damaged and made anew: %s", folder, wrong)
        with writable(folder):
            if wrong or not keep_partial:
                _remove(folder)
            folder.mkdir(parents=True, exist_ok=True)
        try:
            finish(folder, key=key, **(build(folder) or {}))
        except BaseException as error:
            if not keep_partial:
                shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, OSError) and no_room(error):
                raise _unwritable(folder, error) from None
            raise
    return folder


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
