"""Files of words that name concepts."""

from __future__ import annotations

from pathlib import Path

from lib.base.errors import CompanionError
from lib.base.files import ROOT
from lib.base.names import count, plain_name
from lib.data.formats.text_files import read_text
from lib.data.tally import Tally

EVERYDAY = ROOT / "lib" / "data" / "everyday_words.txt"
"""A file of words for the content of photographs: people, animals, places, things, activities, colours."""


def read_words(path: Path = EVERYDAY) -> tuple[list[str], Tally]:
    """Read a file of words, one per line, and account for its lines; words that differ only in capitals are one."""
    words: dict[str, str] = {}
    repeated = []
    for line in filter(None, (line.strip() for line in read_text(path).split("\n"))):
        if plain_name(line) in words:
            repeated.append(line)
        words.setdefault(plain_name(line), line)
    if len(words) < 2:
        raise CompanionError(f"{path} has fewer than two words; write one per line")
    return list(words.values()), Tally(path.name, (count(len(words), "word"),)).leaving("repeated word", repeated)
