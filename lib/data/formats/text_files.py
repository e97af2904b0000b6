"""Text files of benchmarks, read strictly: everything missing, cut off or repeated is an error of one line."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from lib.base.errors import CompanionError
from lib.base.files import sha256_file
from lib.base.yaml import display
from lib.data.pairs import Pairs

LFS_POINTER = b"version https://git-lfs"
"""The first bytes of the small text that Git leaves in place of a large file which was not fetched."""

_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
"""The first bytes of texts in other encodings; the mark of UTF-16 is the beginning of that of UTF-32."""


def is_lfs_pointer(path: Path) -> bool:
    """Return whether a file is what Git leaves in place of a large file that was not fetched."""
    try:
        with open(path, "rb") as stream:
            return stream.read(len(LFS_POINTER)) == LFS_POINTER
    except OSError:
        return False


def read_text(path: Path) -> str:
    """Read the text of a UTF-8 file; every kind of line break becomes `\\n`."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise CompanionError(f"{display(path)}: no such file; check the name") from None
    except OSError as error:
        raise CompanionError(f"{display(path)}: cannot be read ({error.strerror}); give another file") from None
    return decode_text(content, path.name).replace("\r\n", "\n").replace("\r", "\n")


def decode_text(content: bytes, where: str) -> str:
    """Decode UTF-8, with or without its mark; an error says which other encoding it is, as far as that shows.

    where: the name of the text in errors.
    """
    if content.startswith(LFS_POINTER):
        raise CompanionError(f"{where}: a Git LFS pointer in place of the file; run `git lfs pull`")
    if other := next((called for mark, called in _MARKS.items() if content.startswith(mark)), None):
        raise CompanionError(f"{where}: {other} text, which Excel calls Unicode text; save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CompanionError(
            f"{where}: not UTF-8 text (line {line}, byte {error.start}); save it as UTF-8, or get the file again"
        ) from None
    if 4 * text[:400].count("\0") > len(text[:400]):
        raise CompanionError(f"{where}: UTF-16 or UTF-32 text without a mark at its start; save it as UTF-8")
    return text


def read_lines(path: Path) -> tuple[str, ...]:
    """The lines of a UTF-8 file, without the empty ones."""
    return tuple(filter(None, read_text(path).split("\n")))


def read_json(path: Path) -> Any:
    """Read the value in a JSON file; a key that appears twice in one object is an error."""
    return _parsed(read_text(path), path.name)


def read_json_lines(path: Path) -> list[Any]:
    """Read the values in a file of JSON lines."""
    return [value for _, value in numbered_json_lines(path)]


def numbered_json_lines(path: Path) -> list[tuple[int, Any]]:
    """Read the values in a file of JSON lines, each with the number of its line; blank lines have none."""
    lines = read_text(path).split("\n")
    values = [
        (number, _parsed(line, f"{path.name}, line {number}")) for number, line in enumerate(lines, 1) if line.strip()
    ]
    if not values:
        raise CompanionError(f"{path.name}: no lines in it; get the file again")
    return values


def field(record: Any, name: str, kind: type, where: str) -> Any:
    """Return `record[name]`, which must be of type `kind`; `where` is the name of the record in errors."""
    if not isinstance(record, dict) or name not in record:
        raise CompanionError(f"{where}: no field {name!r}; this is another file, or another version of it")
    value = record[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise CompanionError(
            f"{where}: {name!r} is of type {type(value).__name__}, not {kind.__name__}; get the file again"
        )
    return value


def is_unicode(text: str) -> bool:
    """Return whether a string is Unicode; JSON's escapes and the bytes of a command line can make half characters."""
    return text.isascii() or not any("\ud800" <= one <= "\udfff" for one in text)


def text_field(record: Any, name: str, where: str) -> str:
    """Return `record[name]`, which must be a text that is not blank; `where` is the name of the record in errors."""
    text = field(record, name, str, where)
    if not text.strip() or not is_unicode(text):
        wrong = "empty" if not text.strip() else "not Unicode"
        raise CompanionError(f"{where}: {name!r} is {wrong}; get the file again")
    return text


def text_pairs(
    dataset: str, paths: Iterable[Path], captions: Iterable[tuple[str, tuple[str, ...]]], **rest: Any
) -> Pairs:
    """Make pairs without pictures from the id and captions of every image.

    paths: the files that they were read from, whose sha256 become part of the identity. rest: plain JSON that says
    which part of the files this is.
    """
    entries = list(captions)
    files = [{"name": path.name, "sha256": sha256_file(path)} for path in paths]
    where = " and ".join(str(one["name"]) for one in files)
    if not entries:
        raise CompanionError(f"{where}: no images in it; get the file again")
    ids = [name for name, _ in entries]
    if len(set(ids)) < len(ids):
        twice = next(name for place, name in enumerate(ids) if name in ids[:place])
        raise CompanionError(f"{where}: image {twice} appears twice; get the file again")
    for name, texts in entries:
        if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
            raise CompanionError(f"{where}: image {name} has no caption or an empty one; get the file again")
        if not all(map(is_unicode, (name, *texts))):
            raise CompanionError(f"{where}: image {name!r} or its caption is not Unicode; get the file again")
    identity = {"dataset": dataset, "files": files, **rest}
    return Pairs(np.array(ids), None, tuple(texts for _, texts in entries), identity)


def check_size(pairs: Pairs, images: int, what: str) -> Pairs:
    """Return the pairs, if there are as many as the published split has; `what` is the name of the split in errors."""
    if len(pairs) != images:
        found = "cut off" if len(pairs) < images else "another split or more than one"
        raise CompanionError(f"{what} has {images} images and this file {len(pairs)}: it is {found}; get it again")
    return pairs


def _parsed(text: str, where: str) -> Any:
    def unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(members)
        if len(value) < len(members):
            keys = [key for key, _ in members]
            twice = next(key for place, key in enumerate(keys) if key in keys[:place])
            raise CompanionError(f"{where}: key {twice!r} appears twice; get the file again")
        return value

    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        cut = "cut off" if error.pos >= len(text.rstrip()) - 1 or "Unterminated" in error.msg else "not JSON"
        raise CompanionError(f"{where}: {cut} at character {error.pos} ({error.msg}); get the file again") from None
    except RecursionError:
        raise CompanionError(f"{where}: nested too deeply; get the file again") from None
    except CompanionError:
        raise
    except ValueError as error:  # a number of thousands of digits
        raise CompanionError(f"{where}: cannot be read ({error}); get the file again") from None
