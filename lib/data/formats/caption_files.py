"""Caption files: which one a folder has, its rows, and the pictures to which its rows belong."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from lib.base.errors import CompanionError
from lib.base.names import plain_name
from lib.data.formats.csv_rows import read_csv
from lib.data.formats.text_files import numbered_json_lines, text_field

NAMES = ("captions.csv", "captions.jsonl")
"""Possible names of the caption file in a folder of pictures; capitals make no difference."""

COLUMNS = ("image", "caption")


class Caption(NamedTuple):
    """A row of a file of captions."""

    line: int
    """Its line in the file."""
    image: str
    """The name of its picture, as the file has it."""
    text: str
    """The caption."""


class Captions(NamedTuple):
    """The content of a file of captions."""

    rows: list[Caption]
    """Its rows, in order."""
    unread: dict[str, list[str]]
    """The names of its other columns or fields, by what they are ("unread column")."""


class Matched(NamedTuple):
    """Captions, with the pictures to which they belong."""

    texts: dict[str, list[str]]
    """The captions of each picture that has any."""
    strays: list[Caption]
    """Captions of pictures that are not there."""


def find_captions(folder: Path) -> Path | None:
    """Find the file of captions in a folder; two of them are an error."""
    found = [path for path in sorted(folder.iterdir()) if path.name.lower() in NAMES and path.is_file()]
    if len(found) > 1:
        raise CompanionError(f"{folder}: {found[0].name} and {found[1].name} both hold captions; keep one of them")
    return found[0] if found else None


def read_captions(path: Path) -> Captions:
    """Read a `.csv` file with the columns image and caption, or a `.jsonl` file of objects with these fields."""
    suffix = path.suffix.lower()
    if suffix == ".csv":
        rows, others = read_csv(path, COLUMNS)
        captions = [Caption(line, fields["image"], fields["caption"]) for line, fields in rows]
        if empty := next((one for one in captions if not one.image or not one.text), None):
            raise CompanionError(f"{path.name}, line {empty.line}: no image or no caption; fill it in")
        return Captions(captions, {"unread column": others})
    if suffix == ".jsonl":
        try:
            return _json_captions(path)
        except CompanionError as error:  # its message is for users who got the file from elsewhere
            raise CompanionError(str(error).replace("get the file again", "correct it")) from None
    raise CompanionError(f"{path.name}: captions must be in a .csv or .jsonl file; rename or convert it")


def _json_captions(path: Path) -> Captions:
    objects = numbered_json_lines(path)
    captions = [
        Caption(line, *(text_field(one, key, f"{path.name}, line {line}") for key in COLUMNS)) for line, one in objects
    ]
    return Captions(captions, {"unread field": sorted({key for _, one in objects for key in one} - set(COLUMNS))})


def match_captions(captions: Iterable[Caption], pictures: Sequence[str], file: str) -> Matched:
    """Find the picture of each caption, by its exact name or else by what people mean by it (`plain_name`).

    file: the name of the file of captions in errors. A name that may mean two pictures is an error.
    """
    alike = defaultdict[str, list[str]](list)
    for name in pictures:
        alike[plain_name(name)].append(name)
    known, matched = set(pictures), Matched({}, [])
    for one in captions:
        meant = [one.image] if one.image in known else alike.get(plain_name(one.image), [])
        if len(meant) > 1:
            raise CompanionError(
                f"{file}, line {one.line}: {one.image!r} may mean {meant[0]} or {meant[1]}; write the name as it is"
            )
        if meant:
            matched.texts.setdefault(meant[0], []).append(one.text)
        else:
            matched.strays.append(one)
    return matched


def check_matched(matched: Matched, pictures: Sequence[str], file: str) -> None:
    """Refuse pictures without captions and captions without pictures; the error shows what resembles the first."""
    missing = [name for name in pictures if name not in matched.texts]
    if missing:
        hint = _resembling(missing[0], {one.image: one for one in matched.strays})
        raise CompanionError(
            f"{file}: {len(missing)} of {len(pictures)} pictures have no caption, first {missing[0]}{hint}; "
            "add a line for each, or set on_bad=skip to leave them out"
        )
    if matched.strays:
        first = matched.strays[0]
        raise CompanionError(
            f"{file}: {len(matched.strays)} captions are of pictures that are not read, first {first.image} (line "
            f"{first.line}); remove these lines, or set on_bad=skip to pass over them"
        )


def _resembling(name: str, strays: dict[str, Caption]) -> str:
    """A hint at the line whose picture has the most similar name."""
    plain = {plain_name(one): line for one, line in strays.items()}
    own = plain_name(name)
    ends = [one for one in plain if one.rsplit("/", 1)[-1].split(".")[0] == own.rsplit("/", 1)[-1].split(".")[0]]
    close = ends or difflib.get_close_matches(own, list(plain)[:2000], n=1)
    return f" (line {plain[close[0]].line} has {plain[close[0]].image!r})" if close else ""
