"""The order of the site: notebooks by number, then the documents in the order of `docs/README.md`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lib.base.cells import read_cells
from lib.base.errors import CompanionError
from lib.base.files import ROOT
from lib.base.places import NOTEBOOKS

DOCS = ROOT / "docs"
DOCUMENTS = DOCS / "README.md"

PARTS = {
    "0": "Start",
    "1": "Paper 1: monosemanticity",
    "2": "Paper 2: VL-SAE",
    "3": "Paper 3: split dictionaries",
    "4": "Paper 4: TEVI",
    "8": "Explore, sum up",
    "9": "Explore, sum up",
}
"""First digit of a notebook's number to the part of the book that it is in."""

AS_THEY_ARE = (".png", ".svg")
"""Files that a browser shows itself; the others become pages."""

_PART_OR_DOCUMENT = re.compile(r"^## (?P<part>.+)$|^- \[(?P<title>.+?)\]\((?P<path>[^)]+)\)", re.MULTILINE)


@dataclass(frozen=True)
class Chapter:
    """A page of the book."""

    path: Path
    """The notebook or document that it shows."""
    title: str
    """Its title, as the menu has it."""
    part: str
    """The part of the book that it is in."""


def address(path: Path) -> str:
    """Return the place of a file of the repository within the site."""
    if path.suffix == ".ipynb":
        return f"{path.stem}.html"
    inside = path.relative_to(ROOT).as_posix()
    return f"source/{inside}" if path.suffix in AS_THEY_ARE else f"source/{inside}.html"


def slides_address(notebook: Path) -> str:
    """Return the place of a notebook's slides within the site."""
    return f"{notebook.stem}-slides.html"


def read_book(notebooks: Path = NOTEBOOKS) -> list[Chapter]:
    """Return all chapters in order. An error names a folder without notebooks."""
    paths = sorted(notebooks.glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise CompanionError(f"no notebooks in {notebooks}; give a folder of NN_name.ipynb")
    return [Chapter(path, _title(path), PARTS.get(path.name[0], "More notebooks")) for path in paths] + _documents()


def _title(path: Path) -> str:
    cells = read_cells(path)
    first = cells[0].source.splitlines()[0] if cells and cells[0].source else ""
    return first.removeprefix("# ") if first.startswith("# ") else path.stem


def _documents() -> list[Chapter]:
    found, part = [Chapter(DOCUMENTS, "All documents", "Documents")], ""
    for match in _PART_OR_DOCUMENT.finditer(DOCUMENTS.read_text(encoding="utf-8")):
        if match["part"]:
            part = match["part"]
        else:
            found.append(Chapter((DOCS / match["path"]).resolve(), match["title"], f"Documents: {part.lower()}"))
    return found
