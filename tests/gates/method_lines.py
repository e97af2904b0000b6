"""How many code lines of the notebooks show a method: those of cells with the tag `by-hand`, among all.

    python -m tests.gates.method_lines

prints one line per notebook and the share over all. Blank lines and comments do not count.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import nbformat

from lib.base.places import NOTEBOOKS

TAG = "by-hand"
"""The tag of a cell that writes out a method in plain torch or numpy."""


class Lines(NamedTuple):
    """Code lines of a notebook."""

    by_hand: int
    all: int


def method_lines(path: Path) -> Lines:
    """Count the code lines of a notebook, and those of them that show a method."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    by_hand = [cell for cell in cells if TAG in cell.metadata.get("tags", [])]
    return Lines(*(sum(_code_lines(cell.source) for cell in some) for some in (by_hand, cells)))


def every_notebook(folder: Path = NOTEBOOKS) -> dict[str, Lines]:
    """The counts of all notebooks of a folder by file name."""
    return {path.name: method_lines(path) for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))}


def share(counts: dict[str, Lines]) -> float:
    """The share of all code lines that show a method."""
    return sum(one.by_hand for one in counts.values()) / sum(one.all for one in counts.values())


def _code_lines(source: str) -> int:
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in source.splitlines())


if __name__ == "__main__":
    counts = every_notebook()
    for name, lines in counts.items():
        print(f"{name:32} {lines.by_hand:4} of {lines.all:4} lines by hand")
    print(f"{'all notebooks':32} {share(counts):9.1%}")
