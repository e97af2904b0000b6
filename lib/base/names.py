"""Names: hints for unknown ones, the comparison of those of files, and how output shows them."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint for a mistyped name: the known names that resemble it, or all of them if none does."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=3)
    if close:
        return f"did you mean {', '.join(close)}?"
    return f"known: {', '.join(known)}" if known else "it has none"


def count(number: int, noun: str) -> str:
    """Say how many things there are: "1 picture", "2 pictures". noun: takes an s."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def printable(name: str) -> str:
    """Return a name as one line of output may show it: quoted where a line break or another control is in it."""
    return name if name.isprintable() else repr(name)


def plain_name(path: str) -> str:
    r"""Return what people mean by the path of a file, so that two spellings of it compare as equal.

    Unicode forms (a letter with its accent as one character or as two), separators (`\` and `/`), a leading `./`,
    blanks at the ends of each part, and capitals make no difference.

    Examples
    --------
    >>> plain_name(".\\Sub\\Cafe\u0301.JPG ") == plain_name("sub/caf\u00e9.jpg")
    True
    """
    parts = (part.strip() for part in unicodedata.normalize("NFC", path).replace("\\", "/").split("/"))
    return unicodedata.normalize("NFC", "/".join(part for part in parts if part not in ("", ".")).casefold())
