"""Text files of benchmarks, read strictly: whatever is missing, cut off or given twice is one line that names it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from lib.data.errors import CompanionError
from lib.data.files import sha256_file
from lib.data.pairs import Pairs
from lib.data.yaml import display


def read_text(path: Path) -> str:
    """The text of a UTF-8 file."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise CompanionError(f"{display(path)}: no such file; check the name") from None
    except OSError as error:
        raise CompanionError(f"{display(path)}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise CompanionError(f"{path.name}: not UTF-8 text (byte {error.start}); get the file again") from None


def read_json(path: Path) -> Any:
    """The value in a JSON file; a key that appears twice in one object is refused."""
    return _parsed(read_text(path), path.name)


def read_json_lines(path: Path) -> list[Any]:
    """The values in a file of JSON lines."""
    lines = read_text(path).split("\n")
    values = [_parsed(line, f"{path.name}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not values:
        raise CompanionError(f"{path.name}: no lines in it; get the file again")
    return values


def field(record: Any, name: str, kind: type, where: str) -> Any:
    """`record[name]`, which must be of a type; `where` is what errors call the record."""
    if not isinstance(record, dict) or name not in record:
        raise CompanionError(f"{where}: no field {name!r}; this is another file, or another version of it")
    value = record[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise CompanionError(
            f"{where}: {name!r} is of type {type(value).__name__}, not {kind.__name__}; get the file again"
        )
    return value


def is_unicode(text: str) -> bool:
    """Whether a string is text: JSON's escapes and a command line's bytes can make halves of characters."""
    return text.isascii() or not any("\ud800" <= one <= "\udfff" for one in text)


def sentence(record: Any, name: str, where: str) -> str:
    """A field that holds text and is not blank."""
    text = field(record, name, str, where)
    if not text.strip() or not is_unicode(text):
        wrong = "empty" if not text.strip() else "no Unicode"
        raise CompanionError(f"{where}: {name!r} is {wrong}; get the file again")
    return text


def text_pairs(
    dataset: str, paths: Iterable[Path], captions: Iterable[tuple[str, tuple[str, ...]]], **rest: Any
) -> Pairs:
    """Pairs without pictures from (id, captions) of every image; the identity holds the sha256 of the files read.

    rest: plain JSON that says which part of the files this is.
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
            raise CompanionError(f"{where}: image {name!r} or its caption is no Unicode; get the file again")
    identity = {"dataset": dataset, "files": files, **rest}
    return Pairs(np.array(ids), None, tuple(texts for _, texts in entries), identity)


def check_size(pairs: Pairs, images: int, what: str) -> Pairs:
    """The pairs, if there are as many as the published split has."""
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
