"""Archives read safely: listed members only, plain files only, below a limit of size. Photos are read in place.

By default, Python 3.11 unpacks tar files without any filter, and the filters that came later have been bypassed
(CVE-2025-4517 and others), so nothing here calls `extract`.
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

from lib.base.errors import CompanionError
from lib.base.files import cached, is_safe_path, no_room, state_of, write_json
from lib.data.formats.images import LazyImages, open_image
from lib.data.formats.text_files import is_lfs_pointer

LIMIT_BYTES = 8 * 2**30
"""The most bytes that the listed members of an archive may take on disk unless the caller sets another limit."""


def extract_members(
    archive: Path, members: Sequence[str], to: Path, strip: int = 0, limit_bytes: int = LIMIT_BYTES
) -> None:
    """Write the listed members of a tar, tar.gz or zip file to the folder `to`; all other members are ignored.

    strip: the number of leading folders of each member's name to drop. limit_bytes: the most that the members may take
    together. Links, devices, sparse files, unsafe or repeated names and missing members are errors of one line. An
    error or a crash leaves some of the members in `to`, so call this as the `build` of `lib.base.files.cached`.
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
                raise CompanionError(
                    f"{archive.name}: member {entry.name} is not a plain file; do not use this archive"
                )
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
    """A member of an archive."""

    name: str
    """The path of the member in the archive."""
    size: int
    """The bytes of its content."""
    plain: bool
    """Whether it is a plain file."""
    read: Callable[[], IO[bytes]]
    """Opens its content."""
    offset: int = 0
    """The place of its first byte in an uncompressed tar."""
    folder: bool = False
    """Whether it is a folder of an uncompressed tar."""


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
            raise CompanionError(f"{archive.name}: member {name} would replace another one; list it once")
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
            read = partial(tarfile.ExFileObject, tar, member)
            yield _Entry(name, member.size, plain, read, member.offset_data, member.isdir())


def _write(entry: _Entry, target: Path, archive: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # "x": never through a file or link that is already there.
    with entry.read() as source, open(target, "xb") as sink:
        shutil.copyfileobj(source, sink)
        if sink.tell() != entry.size:
            raise CompanionError(f"{archive.name}: member {entry.name} is cut short; get the archive again")


@contextmanager
def _readable(archive: Path) -> Iterator[None]:
    """Turn the exceptions of the standard library about a damaged archive into errors of one line."""
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
        if is_lfs_pointer(archive):
            raise CompanionError(
                f"{archive.name}: a Git LFS pointer in place of the file; run `git lfs pull`"
            ) from None
        raise CompanionError(f"{archive.name}: cannot be unpacked ({error}); get the archive again") from None


class TarImages(LazyImages):
    """The photos in an uncompressed tar file, read in place.

    names: the members to take, in this order; None takes all plain files in the order of the archive. The places of the
    members are looked up once and kept in the cache.
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
    """Return the offset and bytes of every plain file in an uncompressed tar; looked up once and kept in the cache."""
    places = json.loads((_indexed(path) / "places.json").read_text())
    return {name: (offset, size) for name, (offset, size) in places}


def tar_links(path: Path) -> list[str]:
    """Return the names of the links, devices and sparse files in an uncompressed tar, none of which is read."""
    return json.loads((_indexed(path) / "links.json").read_text())


def _indexed(path: Path) -> Path:
    def build(folder: Path) -> None:
        places: dict[str, tuple[int, int]] = {}
        links = []
        with _readable(path):
            for entry in _tar_entries(path, "r:"):
                if entry.plain and entry.name in places:
                    raise CompanionError(f"{path.name}: member {entry.name} appears twice; do not use this archive")
                if entry.plain:
                    places[entry.name] = (entry.offset, entry.size)
                elif not entry.folder:
                    links.append(entry.name)
        write_json(folder / "places.json", list(places.items()))
        write_json(folder / "links.json", links)

    with _readable(path):
        key = {"path": str(path.resolve()), "state": state_of([path]), "links": True}
    return cached("tar-index", key, build)
