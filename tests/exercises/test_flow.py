"""Exercises in the flow of a notebook: their question is that of the solution, and they have a check."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import nbformat
import pytest

from lib.apps.classroom import EXERCISES, exercise_cells, read_exercises
from lib.apps.exercises.check import all_checks
from lib.base.files import ROOT
from lib.base.places import NOTEBOOKS, notebook_number

WITH_EXERCISES = [path for path in sorted(NOTEBOOKS.glob("*.ipynb")) if exercise_cells(nbformat.read(path, 4))]


@pytest.mark.parametrize("path", WITH_EXERCISES, ids=lambda path: path.stem)
def test_an_exercise_asks_what_its_solution_answers(path: Path) -> None:
    notebook = nbformat.read(path, 4)
    solved = {e.name: e for e in read_exercises(EXERCISES / f"notebook_{notebook_number(path)}.py")[1]}
    cells = exercise_cells(notebook)
    assert set(cells) <= set(solved) and set(cells) <= set(all_checks())
    for name, cell in cells.items():
        exercise, asked = solved[name], notebook.cells[notebook.cells.index(cell) - 1].source
        words = " ".join(asked.split())
        assert re.match(
            rf"\*\*Exercise {notebook_number(path)}\.\d, .+\*\* \({exercise.grade.lower()}, \d+ minutes\)", words
        )
        assert exercise.question in words, name
        assert "<summary>Hint</summary>" in asked and "<summary>Expected</summary>" in asked, name
        assert cell.source.endswith(f"\n\n\ncheck({name})"), name


PUBLIC = {
    name
    for path in (ROOT / "lib").rglob("*.py")
    for name in re.findall(r"^(?:def |class )?([A-Za-z]\w+)(?=\(|:| =)", path.read_text(), re.MULTILINE)
}
"""Names of functions, classes and constants of the library."""


@pytest.mark.parametrize("path", WITH_EXERCISES, ids=lambda path: path.stem)
def test_what_an_exercise_names_is_at_hand(path: Path) -> None:
    """A name of the library in a question or a hint is in a cell before, or with a module that has it."""
    notebook = nbformat.read(path, 4)
    for name, cell in exercise_cells(notebook).items():
        place = notebook.cells.index(cell)
        asked = " ".join(re.findall(r"`([^`]+)`", notebook.cells[place - 1].source))
        seen = "\n".join(before.source for before in notebook.cells[: place + 1] if before.cell_type == "code")
        modules = [import_module(found) for found in re.findall(r"\blib(?:\.\w+)+", asked)]
        named = PUBLIC & set(re.findall(r"(?<![.\w])[A-Za-z]\w+", asked))
        there = {one for one in named if re.search(rf"\b{one}\b", seen) or any(hasattr(m, one) for m in modules)}
        assert named == there, f"{name}: say where {named - there} is"


def test_there_are_such_notebooks() -> None:
    assert WITH_EXERCISES
