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
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from lib.base.errors import CompanionError

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
"""The repository, with `profiles/`, `notebooks/` and `results/`."""

DONE = "done.json"
"""The marker, which is written last into a cache folder; a folder without it is not finished."""

_HASHED_BYTES = 2**30
"""The size up to which cached files are hashed when a process first opens them, which takes a second at most."""

TEMPORARY = ".unfinished"
"""The ending of hidden files that `write_atomic` has not finished; each is next to the file that it becomes."""

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
"""The errors that mean a full or read-only disk, and not a mistake of the caller."""


def cache_root() -> Path:
    """Return the cache folder: `COMPANION_CACHE`, or `.cache/` in the repository."""
    return Path(os.environ.get("COMPANION_CACHE") or ROOT / ".cache").expanduser().resolve()


def digest(value: Any) -> str:
    """Return the sha256 of a plain value's canonical JSON (dicts, lists, strings, finite numbers, booleans, None)."""
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CompanionError(f"cache key {value!r} is not plain JSON ({error}); use strings and numbers") from None
    return hashlib.sha256(text.encode()).hexdigest()


def state_of(paths: Iterable[Path], folder: Path | None = None) -> str:
    """Return the sha256 of the names, sizes and times of change of files, which shows changes without reading them.

    folder: the names are relative to it; without it they are absolute. A file that is replaced by another one with the
    same size and time of change goes unnoticed.
    """
    states = []
    for path in paths:
        name, state = path.resolve() if folder is None else path.relative_to(folder), path.stat()
        states.append([name.as_posix(), state.st_size, state.st_mtime_ns])
    return digest(states)


def is_safe_path(text: str) -> bool:
    """Return whether a path is relative, has `/` between its parts, and stays in its folder on every system."""
    parts = text.split("/")
    return text.isprintable() and not any(c in text for c in "\\:") and not any(p in ("", ".", "..") for p in parts)


def sha256_file(path: Path) -> str:
    """Return the sha256 of a file's bytes, which are read in blocks."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a file so that a reader, or a crash at any moment, finds the old file or the new one, never a part of it.

    Unfinished files that a crash left are removed by the next call in the same folder.
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
    """Open a new file next to `path` and lock it; while its holder lives, the lock keeps `sweep` from removing it."""
    while True:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=TEMPORARY)
        stream = os.fdopen(handle, "wb")
        fcntl.flock(stream, fcntl.LOCK_EX)
        if os.path.exists(name):  # not swept away before it was locked
            return name, stream
        stream.close()


def sweep(folder: Path) -> None:
    """Remove the unfinished files that killed processes left in a folder; files that are being written stay."""
    with os.scandir(folder) as entries:
        names = [entry.path for entry in entries if entry.name.startswith(".") and entry.name.endswith(TEMPORARY)]
    for name in names:
        with suppress(OSError), open(name, "rb") as stream:  # it is gone, or its writer lives and holds the lock
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(name)


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Turn an OSError within it (a full or read-only disk, no permission, no folder) into an error of one line."""
    try:
        yield
    except OSError as error:
        raise _unwritable(path, error) from None


def no_room(error: OSError) -> bool:
    """Return whether the disk is full or read-only; numpy reports a full disk by its message only."""
    return error.errno in _NO_ROOM or (error.errno is None and "requested and" in str(error))


def _unwritable(path: Path, error: OSError) -> CompanionError:
    reason = error.strerror or "no space left on the disk"
    return CompanionError(
        f"{path}: cannot be written ({reason}); make room, or name another folder (COMPANION_CACHE, COMPANION_RESULTS)"
    )


def write_json(path: Path, value: Any) -> None:
    """Write a value with `write_atomic` as indented JSON with sorted keys and no NaN."""
    write_atomic(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock named after `path`; the system releases it if its holder dies."""
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not in a `with`, so that errors of what runs under the lock are not taken for errors of writing.
        stream = open(path.with_name(path.name + ".lock"), "a")  # noqa: SIM115
    with stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(
                stream, fcntl.LOCK_UN
            )  # closing would leave it to child processes, which have the file open too


def is_done(folder: Path) -> bool:
    """Return whether a cache folder is finished: it has its marker, and every listed file has the listed size."""
    return damage(folder, hashed_bytes=-1) is None


def damage(folder: Path, hashed_bytes: float = math.inf) -> str | None:
    """Return in a few words what is wrong with a cache folder, or None if every file is as its marker says.

    The answer is empty if there is no marker, so that the folder is missing or not finished. hashed_bytes: larger files
    are checked by their size only, the others by their sha256, too. A process hashes a file once, and again only after
    a change of its size or time of change.
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
    """Flush every file of a folder to disk, then write its marker: name, bytes and sha256 of each file, and `facts`."""
    sweep(folder)
    files = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != DONE):
        with open(path, "rb") as stream:
            os.fsync(stream.fileno())
        files[path.relative_to(folder).as_posix()] = {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
    write_json(folder / DONE, {"files": files, **facts})


def cache_folder(kind: str, key: dict[str, Any]) -> Path:
    """Return the folder in which `cached` keeps the content of `key`, finished or not."""
    return cache_root() / kind / digest(key)[:24]


def in_cache(kind: str, key: dict[str, Any]) -> bool:
    """Return whether `cached` has the content of `key`, finished and whole."""
    return damage(cache_folder(kind, key), _HASHED_BYTES) is None


def cached(
    kind: str,
    key: dict[str, Any],
    build: Callable[[Path], dict[str, Any] | None],
    *,
    keep_partial: bool = False,
) -> Path:
    """Return the finished cache folder of `key`, which `build(folder)` makes if it is not there yet.

    The folder's name is the hash of everything that decides its bytes. If two processes want the same folder, one of
    them builds it. The facts that `build` returns become part of the marker. A finished folder whose files have changed
    is made again, with a warning. After a failure or a crash, the unfinished folder is removed, unless `keep_partial`:
    then `build` finds the files of the earlier try (a checkpoint) and continues from there.
    """
    folder = cache_folder(kind, key)
    if damage(folder, _HASHED_BYTES) is None:
        return folder
    with lock(folder):
        wrong = damage(folder, _HASHED_BYTES)
        if wrong is None:
            return folder
        if wrong:
            log.warning("%s is damaged and will be made again: %s", folder, wrong)
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
