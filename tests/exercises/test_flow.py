"""Exercises in the flow of a notebook: their question is that of the solution, and they have a check."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from lib.apps.classroom import EXERCISES, exercise_cells, read_exercises
from lib.apps.exercises.check import all_checks
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


def test_there_are_such_notebooks() -> None:
    assert WITH_EXERCISES
