"""The pictures under a folder, with an account of everything else in it.

Links are followed, each folder once. What is hidden, and the thumbnails that file managers and servers keep, is left
out; so are pictures of kinds that are not decoded, and they are counted separately from files of other kinds.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from lib.base.errors import CompanionError
from lib.base.names import count
from lib.data.formats.text_files import is_unicode
from lib.data.tally import Tally

_JPEG = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp", ".mpo"})

SUFFIXES = _JPEG | {".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"}
"""The endings of the names of pictures that are decoded, in lower case."""

_RAW = frozenset({".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf"})

_DRAWN = frozenset({".svg", ".eps", ".psd", ".xcf", ".ico", ".tga", ".pcx", ".exr", ".hdr", ".qoi"})

_UNREAD = _RAW | _DRAWN | {".heic", ".heif", ".hif", ".avif", ".jxl", ".jp2", ".j2k", ".jpx"}
"""The endings of pictures that are not decoded."""

_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"II*\0", b"MM\0*")
"""The first bytes of the most common kinds of pictures, whatever their names are."""

_BRANDS = (b"heic", b"heix", b"mif1", b"avif")
"""The same for the pictures of telephones, after the word `ftyp`."""

_THUMBNAILS = frozenset({"@eadir", "__macosx", "#recycle", "$recycle.bin"})
"""Folders of copies and of rubbish, in lower case; file managers and servers make them."""

_CAPTIONS = re.compile(r"(captions?|metadata|annotations?|labels?|results)([-_. ].*)?\.\w+", re.IGNORECASE)
"""Names that caption files have by custom."""

_SIDECARS = frozenset({".txt", ".caption", ".json"})
"""Endings of files of captions, each next to the picture of the same name."""


def survey(folder: Path) -> tuple[list[str], Tally]:
    """Find the names of all pictures under a folder, sorted, and account for its other entries.

    A name is the path in the folder, with `/` on every system.
    """
    if not folder.is_dir():
        raise CompanionError(f"{folder}: no such folder; give a folder of images")
    left: dict[str, list[str]] = {}
    names, rest = list[str](), list[tuple[str, Path]]()
    for name, path in _walk(folder, left):
        if path.suffix.lower() in SUFFIXES:
            names.append(name)
        else:
            rest.append((name, path))
    stems = {str(PurePosixPath(name).with_suffix("")) for name in names}
    for name, path in rest:
        left.setdefault(_kind(name, path, stems), []).append(name)
    names.sort()
    if unreadable := next((name for name in names if not is_unicode(name)), None):
        raise _no_text(folder, unreadable)
    tally = Tally(folder.resolve().name or str(folder))
    for kind in sorted(left):
        tally = tally.leaving(kind, sorted(left[kind]))
    return names, (tally.reading(count(len(names), "picture")) if names else tally)


def shard_files(folder: Path) -> list[Path]:
    """Find the webdataset shards of a folder."""
    return [path for path in sorted(folder.glob("*.tar")) if path.is_file()]


def refuse_without_pictures(folder: Path) -> None:
    """Raise the error about a folder that is missing or has no picture in it; the first picture is enough."""
    if not folder.is_dir() or not any(path.suffix.lower() in SUFFIXES for _, path in _walk(folder, {})):
        find_pictures(folder)


def find_pictures(folder: Path) -> tuple[list[str], Tally]:
    """`survey` of a folder that must have pictures."""
    names, tally = survey(folder)
    if not names:
        found = f"; {tally.line()}" if tally.left_out else ""
        raise CompanionError(f"{folder}: no images in it; known endings: {', '.join(sorted(SUFFIXES))}{found}")
    return names, tally


def _walk(folder: Path, left: dict[str, list[str]]) -> Iterator[tuple[str, Path]]:
    """Every file that is not hidden, with its path in the folder. left: collects the files that are skipped."""
    waiting, linked, seen = [folder], list[Path](), set[Path]()
    while waiting or linked:
        here = waiting.pop() if waiting else linked.pop(0)
        if here.resolve() in seen:
            left.setdefault("repeated link", []).append(here.relative_to(folder).as_posix())
            continue
        seen.add(here.resolve())
        for path in _listed(here):
            name = path.relative_to(folder).as_posix()
            if path.name.startswith("."):
                left.setdefault("hidden file", []).append(name)
            elif path.name.lower() in _THUMBNAILS:
                left.setdefault("thumbnail folder", []).append(name)
            elif path.is_dir():
                (linked if path.is_symlink() else waiting).append(path)
            elif path.is_file():
                yield name, path
            else:
                left.setdefault("special file" if path.exists() else "broken link", []).append(name)


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise CompanionError(
            f"{folder}: cannot be read ({error.strerror}); change its permissions or move it elsewhere"
        ) from None


def _kind(name: str, path: Path, pictures: set[str]) -> str:
    """Name the kind of a file that is not a picture of a known ending. pictures: the names of the pictures without
    endings.
    """
    suffix, stem = path.suffix.lower(), str(PurePosixPath(name).with_suffix(""))
    if suffix in _UNREAD or _begins_as_picture(path):
        return f"unread {suffix} picture" if suffix else "unread picture"
    if _CAPTIONS.fullmatch(path.name) or (suffix in _SIDECARS and stem in pictures):
        return "unread caption file"
    return "other file"


def _begins_as_picture(path: Path) -> bool:
    try:
        with open(path, "rb") as stream:
            head = stream.read(12)
    except OSError:
        return False
    in_a_box = (head[:4] == b"RIFF" and head[8:] == b"WEBP") or (head[4:8] == b"ftyp" and head[8:] in _BRANDS)
    return in_a_box or head.startswith(_MAGIC)


def _no_text(folder: Path, name: str) -> CompanionError:
    encoding = sys.getfilesystemencoding()
    if encoding.replace("-", "").lower() != "utf8":
        return CompanionError(
            f"{folder}: Python reads file names as {encoding} here and cannot read {name!r}; set PYTHONUTF8=1"
        )
    return CompanionError(f"{folder}: the file name {name!r} is not in UTF-8; rename the file")
