"""CSV files read strictly: every row has the fields of the header, and every column is requested or reported."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from lib.base.errors import CompanionError
from lib.data.formats.text_files import read_text

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


class Row(NamedTuple):
    """A row of a CSV file."""

    line: int
    """The number of its last line in the file."""
    fields: dict[str, str]
    """Its fields by the names of the requested columns."""


def read_csv(path: Path, columns: Sequence[str]) -> tuple[list[Row], list[str]]:
    """Read some columns of a CSV file, and also return the names of the others.

    Capitals and blanks in the names of columns make no difference, nor do blanks between a comma and a quote. A row
    with more or fewer fields than the header, mostly a text with commas and without quotes, is an error with its line.
    """
    text = read_text(path)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    try:
        header = [name.strip().casefold() for name in next(reader, [])]
        _check_header(path, text, header, columns)
        rows = [_row(path, reader.line_num, header, columns, fields) for fields in reader if fields]
    except csv.Error as error:
        raise CompanionError(
            f"{path.name}, line {reader.line_num}: cut off ({error}); close its quotes, or get the file again"
        ) from None
    return rows, [name for name in header if name and name not in columns]


def _check_header(path: Path, text: str, header: Sequence[str], columns: Sequence[str]) -> None:
    if set(columns) <= set(header):
        twice = next((name for name in columns if header.count(name) > 1), None)
        if twice is not None:
            raise CompanionError(f"{path.name}: two columns are called {twice}; keep one")
        return
    first, lacking = text.split("\n", 1)[0], next(name for name in columns if name not in header)
    mark = next((called for mark, called in _SEPARATORS.items() if mark in first), None)
    separated = f", and commas in place of {mark} between them" if mark else ""
    raise CompanionError(
        f"{path.name}: no column {lacking!r}; the first line must name the columns {', '.join(columns)}{separated}; it "
        f"is {first[:100]!r}"
    )


def _row(path: Path, line: int, header: Sequence[str], columns: Sequence[str], fields: list[str]) -> Row:
    nameless = [field for name, field in zip_longest(header, fields, fillvalue="") if not name and field.strip()]
    if nameless:
        raise CompanionError(
            f"{path.name}, line {line}: {len(fields)} fields in place of {sum(map(bool, header))}; text with commas "
            "needs double quotes"
        )
    found = dict(zip(header, fields, strict=False))
    return Row(line, {name: found.get(name, "").strip() for name in columns})
