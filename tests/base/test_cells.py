"""Cells are read as nbformat reads them, and everything else is one line."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from lib.base.cells import read_cells
from lib.base.errors import CompanionError
from lib.base.places import NOTEBOOKS


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb"))[:3], ids=lambda path: path.stem)
def test_the_cells_are_those_that_nbformat_reads(path: Path) -> None:
    expected = nbformat.read(path, as_version=4).cells
    assert [(cell.kind, cell.source, list(cell.tags)) for cell in read_cells(path)] == [
        (cell.cell_type, cell.source, cell.metadata.get("tags", [])) for cell in expected
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cells": [{}]}', '{"cells": [3]}', "[" * 100_000])
def test_what_is_no_notebook_is_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "10_x.ipynb"
    path.write_text(text)
    with pytest.raises(CompanionError, match=r"^notebook 10_x\.ipynb is not readable \(.*\)$"):
        read_cells(path)


def test_a_missing_notebook(tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match=r"there is no notebook 10_x\.ipynb"):
        read_cells(tmp_path / "10_x.ipynb")
