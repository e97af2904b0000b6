"""Archives read safely: listed members only, plain files only, below a size limit; photos without unpacking.

Python 3.11 unpacks tar files without any filter by default, and the filters that came later have been bypassed
(CVE-2025-4517 and its kin), so nothing here calls `extract`.
"""

from __future__ import annotations

import io
import json
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Literal

from PIL import Image

from lib.data.errors import CompanionError
from lib.data.files import cached, no_room, write_json
from lib.data.images import LazyImages, open_image

LIMIT_BYTES = 8 * 2**30
"""What the listed members of one archive may take on disk unless the caller says otherwise."""


def is_safe_path(text: str) -> bool:
    """Whether a path is relative, with `/` between its parts, and stays in its folder on every system."""
    parts = text.split("/")
    return text.isprintable() and not any(c in text for c in "\\:") and not any(p in ("", ".", "..") for p in parts)


def extract_members(
    archive: Path, members: Sequence[str], to: Path, strip: int = 0, limit_bytes: int = LIMIT_BYTES
) -> None:
    """Write the listed members of a tar, tar.gz or zip file into the folder `to`, and touch no other member.

    strip: how many leading folders of each member's name to drop. limit_bytes: the most that they may take together.
    Links, devices, sparse files, unsafe or repeated names and missing members are one-line errors. An error or a
    crash leaves a part in `to`: call it as the `build` of `lib.data.files.cached`.
    """
    targets = _targets(archive, members, to, strip)
    found: set[str] = set()
    total = 0
    with _readable(archive):
        for entry in _entries(archive):
            if entry.name not in targets:
                continue
            if entry.name in found:
                raise CompanionError(f"{archive.name}: member {entry.name} appears twice; do not use this archive")
            if not entry.plain:
                raise CompanionError(f"{archive.name}: member {entry.name} is no plain file; do not use this archive")
            total += entry.size
            if total > limit_bytes:
                raise CompanionError(
                    f"{archive.name}: the listed members take over {limit_bytes} bytes; raise limit_bytes or list less"
                )
            _write(entry, targets[entry.name], archive)
            found.add(entry.name)
    missing = [name for name in targets if name not in found]
    if missing:
        raise CompanionError(f"{archive.name}: {len(missing)} listed members are not in it, first {missing[0]}")


@dataclass(frozen=True)
class _Entry:
    """A member: whether it is a plain file, how to read it, and where it begins in an uncompressed tar."""

    name: str
    size: int
    plain: bool
    read: Callable[[], IO[bytes]]
    offset: int = 0


def _targets(archive: Path, members: Sequence[str], to: Path, strip: int) -> dict[str, Path]:
    targets: dict[str, Path] = {}
    taken: set[Path] = set()
    root = to.resolve()
    for name in members:
        parts = name.split("/")[strip:]
        if not is_safe_path(name) or not parts:
            raise CompanionError(
                f"{archive.name}: member {name!r} with {strip} folders stripped is not a safe relative path"
            )
        target = to.joinpath(*parts)
        if not target.resolve().is_relative_to(root):
            raise CompanionError(f"{archive.name}: member {name} would leave {to}; do not use this archive")
        if target in taken:
            raise CompanionError(f"{archive.name}: member {name} has its place taken by another; list it once")
        targets[name] = target
        taken.add(target)
    return targets


def _entries(archive: Path) -> Iterator[_Entry]:
    name = archive.name
    if name.endswith(".zip"):
        return _zip_entries(archive)
    if name.endswith(".tar"):
        return _tar_entries(archive, "r:")
    if name.endswith((".tar.gz", ".tgz")):
        return _tar_entries(archive, "r:gz")
    raise CompanionError(f"{name}: not a known kind of archive; use .tar, .tar.gz, .tgz or .zip")


def _zip_entries(archive: Path) -> Iterator[_Entry]:
    with zipfile.ZipFile(archive) as zipped:
        for info in zipped.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            plain = not info.is_dir() and kind in (0, stat.S_IFREG)
            yield _Entry(info.filename, info.file_size, plain, partial(zipped.open, info))


def _tar_entries(archive: Path, mode: Literal["r:", "r:gz"]) -> Iterator[_Entry]:
    with tarfile.open(archive, mode) as tar:
        for member in tar:
            plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()
            name = member.name.removeprefix("./")
            yield _Entry(name, member.size, plain, partial(tarfile.ExFileObject, tar, member), member.offset_data)


def _write(entry: _Entry, target: Path, archive: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # "x": never through a file or link that is already there.
    with entry.read() as source, open(target, "xb") as sink:
        shutil.copyfileobj(source, sink)
        if sink.tell() != entry.size:
            raise CompanionError(f"{archive.name}: member {entry.name} is cut short; get the archive again")


@contextmanager
def _readable(archive: Path) -> Iterator[None]:
    """Turn what the standard library raises on a damaged archive into one line."""
    try:
        yield
    except CompanionError:
        raise
    except FileNotFoundError:
        raise CompanionError(f"{archive}: no such archive; check the name") from None
    # An encrypted zip is a RuntimeError, an unknown compression NotImplementedError.
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        if isinstance(error, OSError) and no_room(error):
            raise
        raise CompanionError(f"{archive.name}: cannot be unpacked ({error}); get the archive again") from None


class TarImages(LazyImages):
    """The photos in an uncompressed tar file, read in place.

    names: which members and in which order; all plain files in archive order if None. The place of every member is
    looked up once and kept in the cache.
    """

    def __init__(self, path: Path, names: Sequence[str] | None = None) -> None:
        self.path = path
        self._places = tar_index(path)
        super().__init__(self._places if names is None else names)
        unknown = [name for name in self.names if name not in self._places]
        if unknown:
            raise CompanionError(f"{path.name}: {len(unknown)} images are not in it, first {unknown[0]!r}")

    def read(self, name: str) -> Image.Image:
        offset, size = self._places[name]
        with open(self.path, "rb") as stream:
            stream.seek(offset)
            return open_image(io.BytesIO(stream.read(size)), f"{self.path.name}/{name}")


def tar_index(path: Path) -> dict[str, tuple[int, int]]:
    """Offset and bytes of every plain file in an uncompressed tar, looked up once and kept in the cache."""

    def build(folder: Path) -> None:
        places: dict[str, tuple[int, int]] = {}
        with _readable(path):
            for entry in _tar_entries(path, "r:"):
                if entry.plain and entry.name in places:
                    raise CompanionError(f"{path.name}: member {entry.name} appears twice; do not use this archive")
                if entry.plain:
                    places[entry.name] = (entry.offset, entry.size)
        write_json(folder / "places.json", list(places.items()))

    with _readable(path):
        state = path.stat()
    key = {"path": str(path.resolve()), "bytes": state.st_size, "mtime_ns": state.st_mtime_ns}
    folder = cached("tar-index", key, build)
    return {name: (offset, size) for name, (offset, size) in json.loads((folder / "places.json").read_text())}
