"""Folders of WAV files with a file of captions, as most data sets of sounds are published.

What is missing or malformed is an error of one line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lib.base.errors import CompanionError
from lib.base.yaml import display
from lib.data.formats.audio import SoundFiles
from lib.data.formats.csv_rows import read_csv
from lib.data.formats.text_files import text_pairs
from lib.data.pairs import Pairs


def clip_pairs(
    dataset: str, captions: Path, folder: Path, texts: Sequence[tuple[str, tuple[str, ...]]], **rest: object
) -> Pairs:
    """Pair the clips of a folder with their captions; the identity holds the names and sizes of the clips only.

    captions: the file that the captions were read from. texts: the file name and captions of every clip; the names
    become the ids. rest: plain JSON that says which part of the data set this is.
    """
    pairs = text_pairs(dataset, [captions], texts, **rest)
    names = tuple(name for name, _ in texts)
    outside = [name for name in names if Path(name).is_absolute() or ".." in Path(name).parts]
    if outside:
        raise CompanionError(f"{captions.name}: {outside[0]!r} is outside the folder of clips; get the file again")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise CompanionError(f"{display(folder)}: no {missing[0]}{more}, which {captions.name} names; get the clips")
    sizes = [(folder / name).stat().st_size for name in names]
    return replace(pairs, sounds=SoundFiles(folder, names), identity={**pairs.identity, "bytes": sizes})


def read_csv_rows(path: Path, header: Sequence[str]) -> list[dict[str, str]]:
    """Read the rows of a CSV file that has the columns of `header`, and perhaps others."""
    rows, _ = read_csv(path, header)
    if not rows:
        raise CompanionError(f"{path.name}: no rows in it; get the file again")
    for row in rows:
        if not all(row.fields.values()):
            raise CompanionError(f"{path.name}, line {row.line}: not {','.join(header)}; get the file again")
    return [row.fields for row in rows]
