"""The cells of a notebook file, read without nbformat, which takes over a second to import."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from lib.base.errors import CompanionError


class Cell(NamedTuple):
    """A cell of a notebook."""

    kind: str
    """The kind of cell: "code", "markdown" or "raw"."""
    source: str
    """Its text."""
    tags: tuple[str, ...] = ()
    """Its tags, such as "parameters"."""


def read_cells(path: Path) -> list[Cell]:
    """Read the cells of a notebook of format 4; a file that is not such a notebook is an error of one line."""
    try:
        return [_cell(cell) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]
    except FileNotFoundError:
        raise CompanionError(f"there is no notebook {path.name}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CompanionError(f"notebook {path.name} is not readable ({type(error).__name__}: {error})") from None


def _cell(cell: dict[str, Any]) -> Cell:
    return Cell(cell["cell_type"], "".join(cell["source"]), tuple(cell["metadata"].get("tags", ())))
