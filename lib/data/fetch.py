"""Files of the manifest on this machine: looked up, fetched if need be, and verified before anything reads them.

The order is `COMPANION_DATA` (a folder that the reader keeps), the cache, the urls of the manifest. Only public files
with a known hash are fetched.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urljoin

import pooch
import requests

from lib.data.archive import extract_members
from lib.data.errors import CompanionError, NotAvailable
from lib.data.files import cache_root, cached, digest, lock, sha256_file, write_atomic
from lib.data.manifest import Dataset, File, https_url, load_manifest

State = Literal["ok", "unverified", "wrong", "missing"]

TIMEOUT = 30
"""Seconds without an answer after which the next mirror is tried."""


def locate(dataset: str, path: str, *, fetch: bool = True) -> Path:
    """A verified file of the manifest; `path` is written as in the manifest.

    A file that is in none of the places, or that cannot be fetched, is NotAvailable and the line says how to get it. A
    file whose bytes are wrong is a CompanionError with both hashes; a wrong one in the cache is fetched again. A file
    whose hash the manifest does not know is taken as it is from `COMPANION_DATA`, and never fetched.
    """
    manifest = load_manifest()
    entry, file = manifest.dataset(dataset), manifest.file(dataset, path)
    root = data_root()
    if root is not None and (root / path).is_file():
        return _verified(root / path, file)
    kept = _kept(file)
    if _state(kept, file) == "ok":
        return kept
    if not fetch or not entry.fetchable(file):
        if kept.is_file():
            return _verified(kept, file)
        raise NotAvailable(_how(dataset, entry, file))
    with lock(kept):
        if _state(kept, file) != "ok":
            _fetch(dataset, entry, file, kept)
    return kept


def fetch_dataset(dataset: str) -> list[Path]:
    """All files of a dataset, verified, in the order of the manifest; none for a synthetic one."""
    return [locate(dataset, file.path) for file in load_manifest().dataset(dataset).files]


def verify(dataset: str) -> list[tuple[str, State]]:
    """What is on this machine of a dataset, without fetching: the path and state of each of its files."""
    root = data_root()
    states: list[tuple[str, State]] = []
    for file in load_manifest().dataset(dataset).files:
        given = root / file.path if root else None
        states.append((file.path, _state(given if given and given.is_file() else _kept(file), file)))
    return states


def unpack(dataset: str, path: str) -> Path:
    """A folder with the members that the manifest lists for an archive."""
    archive = load_manifest().file(dataset, path).archive
    if archive is None:
        raise CompanionError(f"{path} of dataset {dataset!r} lists no members to unpack; add `archive` to the manifest")
    source = locate(dataset, path)
    key = {"sha256": _sha256(source), "members": archive.members, "strip": archive.strip}
    return cached("unpacked", key, lambda folder: extract_members(source, archive.members, folder, archive.strip))


def data_root() -> Path | None:
    """The reader's own data folder, `COMPANION_DATA`, or None if it is not set."""
    value = os.environ.get("COMPANION_DATA")
    if not value:
        return None
    root = Path(value).expanduser().resolve()
    if not root.is_dir():
        raise CompanionError(f"COMPANION_DATA is {value}, which is not a folder; correct it or unset it")
    return root


def _kept(file: File) -> Path:
    return cache_root() / "data" / file.path


def _state(path: Path, file: File) -> State:
    if not path.is_file():
        return "missing"
    if file.bytes is not None and path.stat().st_size != file.bytes:
        return "wrong"
    if file.sha256 is None:
        return "unverified"
    return "ok" if _sha256(path) == file.sha256 else "wrong"


def _verified(path: Path, file: File) -> Path:
    if _state(path, file) == "wrong":
        expected = f"sha256 {file.sha256} and {file.bytes} bytes" if file.sha256 else f"{file.bytes} bytes"
        raise CompanionError(
            f"{path}: expected {expected}, found sha256 {_sha256(path)} and {path.stat().st_size} bytes; "
            "replace or remove the file"
        )
    return path


def _sha256(path: Path) -> str:
    """The file's sha256, remembered for as long as its size and time of change stay the same."""
    state = path.stat()
    key = digest({"path": str(path.resolve()), "bytes": state.st_size, "mtime_ns": state.st_mtime_ns})
    record = cache_root() / "verified" / key[:24]
    with suppress(OSError, ValueError):
        if re.fullmatch("[0-9a-f]{64}", known := record.read_text()):
            return known
    found = sha256_file(path)
    with suppress(CompanionError):  # a cache that cannot be written only forgets
        write_atomic(record, found)
    return found


def _fetch(dataset: str, entry: Dataset, file: File, to: Path) -> None:
    """Try the urls in order; what arrives is verified in a folder of its own and then moved to its place."""
    part = to.with_name(to.name + ".part")
    pooch.get_logger().setLevel("WARNING")
    reasons: list[str] = []
    wrong = False
    for url in file.urls:
        shutil.rmtree(part, ignore_errors=True)  # what a killed run left
        try:
            pooch.retrieve(
                https_url(url),
                known_hash=f"sha256:{file.sha256}",
                fname=to.name,
                path=part,
                downloader=pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT, hooks={"response": _stay_on_https}),
            )
            _place(_verified(part / to.name, file), to)
            return
        except OSError as error:  # no network, no such page, no space; what requests raises is an OSError
            status = getattr(getattr(error, "response", None), "status_code", None)
            reasons.append(f"{url}: {f'HTTP {status}' if status else error.strerror or type(error).__name__}")
        except ValueError as error:  # wrong bytes; the message has both hashes
            wrong = True
            reasons.append(f"{url}: {error}")
        finally:
            shutil.rmtree(part, ignore_errors=True)
    tried = "; ".join(reasons)
    if wrong:
        raise CompanionError(f"{file.path} of dataset {dataset!r} is not what the manifest expects: {tried}")
    raise NotAvailable(f"{_how(dataset, entry, file)}; tried {tried}")


def _stay_on_https(response: requests.Response, **_: Any) -> None:
    """Called with every answer on the way to a file; one that sends on to an address without https ends the way."""
    to = urljoin(response.url, response.headers.get("location", ""))
    if response.is_redirect and not to.startswith("https://"):
        raise requests.exceptions.InvalidSchema(0, "it sends on to an address without https")


def _place(source: Path, to: Path) -> None:
    """Flush a file to disk and move it, so that a crash leaves all of it or none."""
    with open(source, "rb") as stream:
        os.fsync(stream.fileno())
    source.chmod(0o644)
    os.replace(source, to)


def _how(dataset: str, entry: Dataset, file: File) -> str:
    place = f"{os.environ.get('COMPANION_DATA') or '$COMPANION_DATA'}/{file.path}"
    way = f"run `python -m lib data fetch {dataset}` with a network" if entry.fetchable(file) else entry.how_to_obtain
    return f"{file.path} of dataset {dataset!r} is not here: {(way or '').rstrip('. ')}; or put it at {place}"
