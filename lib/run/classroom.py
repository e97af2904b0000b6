"""Copies of the notebooks for a class: exercises with empty bodies for participants, with solutions for who teaches.

The exercises are functions in `exercises/notebook_NN.py`: the docstring is the question and opens with its grade, the
body the solution.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from lib.data.errors import CompanionError
from lib.data.files import ROOT, write_atomic
from lib.run.places import NOTEBOOKS, notebook_number
from lib.run.runner import read_notebook

EXERCISES = ROOT / "exercises"
GRADES = ("Easy", "Medium", "Hard")


@dataclass(frozen=True)
class Exercise:
    """name: of the function. grade: one of GRADES. question: markdown. head: its `def` line. body: the solution."""

    name: str
    grade: str
    question: str
    head: str
    body: str

    def cells(self, solved: bool) -> Iterator[NotebookNode]:
        """The question, and a cell to answer it in."""
        title = self.name.replace("_", " ").capitalize()
        yield new_markdown_cell(f"**{title}** ({self.grade.lower()}). {self.question}")
        body = self.body if solved else "    ...  # your solution"
        yield new_code_cell(f"{self.head}\n{body}\n\n\n{self.name}()", metadata={"tags": ["exercise"]})


def read_exercises(path: Path) -> tuple[str, list[Exercise]]:
    """The imports of a file of exercises, and its exercises in order. An error names a function without a grade."""
    source = path.read_text()
    imports, found = [], []
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(ast.get_source_segment(source, node) or "")
        if isinstance(node, ast.FunctionDef):
            grade, _, question = " ".join((ast.get_docstring(node) or "").split()).partition(". ")
            if grade not in GRADES or not question:
                raise CompanionError(f"{path.name}: {node.name} opens with no grade; begin with {', '.join(GRADES)}")
            lines = source.splitlines()
            first = node.body[0]
            head = "\n".join(lines[node.lineno - 1 : first.lineno - 1])
            body = "\n".join(lines[(first.end_lineno or 0) : node.end_lineno]).strip("\n")
            found.append(Exercise(node.name, grade, question, head, body))
    return "\n".join(imports), found


def copy_of(notebook: NotebookNode, exercises: Path | None, solved: bool) -> NotebookNode:
    """A notebook with its exercises at its end; without outputs unless `solved`."""
    copy = nbformat.from_dict(notebook)
    if not solved:
        for cell in copy.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
    if exercises is not None:
        imports, found = read_exercises(exercises)
        copy.cells += [new_markdown_cell("## Exercises with code"), new_code_cell(imports)]
        copy.cells += [cell for exercise in found for cell in exercise.cells(solved)]
    for place, cell in enumerate(copy.cells):
        cell.id = f"cell-{place:02d}"
    return copy


def write_classroom(folder: Path, notebooks: Path = NOTEBOOKS, exercises: Path = EXERCISES) -> list[Path]:
    """Write `folder/class` and `folder/instructor`, a copy of every notebook each, and return the files."""
    written = []
    for path in sorted(notebooks.glob("[0-9][0-9]_*.ipynb")):
        own = exercises / f"notebook_{notebook_number(path)}.py"
        for kind, solved in (("class", False), ("instructor", True)):
            copy = copy_of(read_notebook(path), own if own.is_file() else None, solved)
            write_atomic(folder / kind / path.name, nbformat.writes(copy) + "\n")
            written.append(folder / kind / path.name)
    if not written:
        raise CompanionError(f"no notebooks in {notebooks}; give a folder of NN_name.ipynb")
    return written
