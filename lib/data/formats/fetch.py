"""The files of the manifest on this machine: looked up, fetched if need be, and verified before anything reads them.

The reader searches for a file in `COMPANION_DATA` (a folder that the reader keeps), in the cache, and at the urls of
the manifest, in this order. Only public files with a known hash are fetched.
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

from lib.base.errors import CompanionError, NotAvailable
from lib.base.files import cache_root, cached, lock, sha256_file, state_of, write_atomic
from lib.base.places import data_root
from lib.data.formats.archive import extract_members
from lib.data.formats.manifest import Dataset, File, https_url, load_manifest

State = Literal["ok", "unverified", "wrong", "missing"]
"""The state of a file on this machine. A file whose hash the manifest does not know is unverified."""

_TIMEOUT = 30
"""The seconds without an answer after which the next mirror is tried."""


def locate(dataset: str, path: str, *, fetch: bool = True) -> Path:
    """Return the place of a verified file of the manifest, and fetch the file if need be.

    path: as in the manifest. fetch: False looks on this machine only. A file that is in none of the places, or that
    cannot be fetched, raises NotAvailable, and the error says how to get it. A file with wrong bytes raises a
    CompanionError with both hashes, except in the cache, where it is fetched again. A file whose hash the manifest does
    not know is taken from `COMPANION_DATA` as it is, and never fetched.
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
    """Return the places of all files of a dataset that are wanted, verified; a synthetic one has none."""
    return [locate(dataset, file.path) for file in wanted(load_manifest().dataset(dataset))]


def wanted(entry: Dataset) -> list[File]:
    """Return the files that a machine needs: of one made from others, itself if it is here, and else those others."""
    files: dict[str, File] = {}
    sources = {path for file in entry.files for path in file.made_from}
    for file in entry.files:
        if file.path not in sources:
            found = [file] if not file.made_from or is_here(file) else entry.sources(file)
            files |= {one.path: one for one in found}
    return list(files.values())


def is_here(file: File) -> bool:
    """Return whether a file is on this machine, with the right bytes or with others."""
    root = data_root()
    return (root is not None and (root / file.path).is_file()) or _kept(file).is_file()


def verify(dataset: str) -> list[tuple[str, State]]:
    """Return the path and state of each wanted file of a dataset on this machine; nothing is fetched."""
    root = data_root()
    states: list[tuple[str, State]] = []
    for file in wanted(load_manifest().dataset(dataset)):
        given = root / file.path if root else None
        states.append((file.path, _state(given if given and given.is_file() else _kept(file), file)))
    return states


def unpack(dataset: str, path: str) -> Path:
    """Return a folder with the members that the manifest lists for an archive."""
    archive = load_manifest().file(dataset, path).archive
    if archive is None:
        raise CompanionError(f"{path} of dataset {dataset!r} lists no members to unpack; add `archive` to the manifest")
    source = locate(dataset, path)
    key = {"sha256": _sha256(source), "members": archive.members, "strip": archive.strip}
    return cached("unpacked", key, lambda folder: extract_members(source, archive.members, folder, archive.strip))


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
    """Return the sha256 of a file; it is remembered for as long as the file's size and time of change stay the same."""
    record = cache_root() / "verified" / state_of([path])[:24]
    with suppress(OSError, ValueError):
        if re.fullmatch("[0-9a-f]{64}", known := record.read_text()):
            return known
    found = sha256_file(path)
    with suppress(CompanionError):  # a cache that cannot be written only forgets
        write_atomic(record, found)
    return found


def _fetch(dataset: str, entry: Dataset, file: File, to: Path) -> None:
    """Try the urls in order. A file that arrives is verified in a separate folder, then moved to its place."""
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
                downloader=pooch.HTTPDownloader(progressbar=True, timeout=_TIMEOUT, hooks={"response": _stay_on_https}),
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
    """Stop at a redirect to an address without https; called with every answer on the way to a file."""
    to = urljoin(response.url, response.headers.get("location", ""))
    if response.is_redirect and not to.startswith("https://"):
        raise requests.exceptions.InvalidSchema(0, "it redirects to an address without https")


def _place(source: Path, to: Path) -> None:
    """Flush a file to disk, then move it, so that a crash leaves all of it or nothing."""
    with open(source, "rb") as stream:
        os.fsync(stream.fileno())
    source.chmod(0o644)
    os.replace(source, to)


def _how(dataset: str, entry: Dataset, file: File) -> str:
    place = f"{os.environ.get('COMPANION_DATA') or '$COMPANION_DATA'}/{file.path}"
    way = f"run `python -m lib data fetch {dataset}` with a network" if entry.fetchable(file) else entry.how_to_obtain
    return f"{file.path} of dataset {dataset!r} is not here: {(way or '').rstrip('. ')}; or put it at {place}"
