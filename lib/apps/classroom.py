"""Copies of the notebooks for a class: with empty exercises for participants, and with solutions for instructors.

The exercises are functions in `exercises/notebook_NN.py`: the docstring is the question and begins with its grade, and
the body is the solution. A notebook may contain an exercise, as a cell with the tag `exercise` that defines the
function without its body; the others are put at its end.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from lib.base.errors import CompanionError
from lib.base.files import ROOT, write_atomic
from lib.base.places import NOTEBOOKS, notebook_number, read_notebook

EXERCISES, HANDOUTS = ROOT / "exercises", ROOT / "docs" / "handouts"
LINK = re.compile(r"\]\(\.\./(docs/[^)#\s]+)")
GRADES = ("Easy", "Medium", "Hard")


@dataclass(frozen=True)
class Exercise:
    """An exercise. name: its function. grade: one of GRADES. question: markdown. head: its `def` line. body: the
    solution.
    """

    name: str
    grade: str
    question: str
    head: str
    body: str

    def cells(self, solved: bool) -> Iterator[NotebookNode]:
        """Yield the question, and a cell for the answer."""
        title = self.name.replace("_", " ").capitalize()
        yield new_markdown_cell(f"**{title}** ({self.grade.lower()}). {self.question}")
        body = self.body if solved else "    ...  # your solution"
        yield new_code_cell(f"{self.head}\n{body}\n\n\n{self.name}()", metadata={"tags": ["exercise"]})

    def solve(self, cell: NotebookNode, imports: str) -> None:
        """Write the solution into the cell of the notebook that has the exercise."""
        lines = cell.source.splitlines()
        own = [line for line in lines if line.startswith(("from ", "import ")) and line not in imports]
        above = "\n".join([imports, *own])
        last = lines[-1]  # the call of `check`
        cell.source, cell.outputs = f"{above}\n\n\n{self.head}\n{self.body}\n\n\n{last}", []


def read_exercises(path: Path) -> tuple[str, list[Exercise]]:
    """Read the imports and the exercises of a file, in order. An error names a function without a grade."""
    source = path.read_text()
    imports, found = [], []
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(ast.get_source_segment(source, node) or "")
        if isinstance(node, ast.FunctionDef):
            grade, _, question = " ".join((ast.get_docstring(node) or "").split()).partition(". ")
            if grade not in GRADES or not question:
                raise CompanionError(
                    f"{path.name}: {node.name} does not begin with a grade; begin with {', '.join(GRADES)}"
                )
            lines = source.splitlines()
            first = node.body[0]
            head = "\n".join(lines[node.lineno - 1 : first.lineno - 1])
            body = "\n".join(lines[(first.end_lineno or 0) : node.end_lineno]).strip("\n")
            found.append(Exercise(node.name, grade, question, head, body))
    return "\n".join(imports), found


def copy_notebook(notebook: NotebookNode, exercises: Path | None, solved: bool) -> NotebookNode:
    """Copy a notebook with its exercises, without outputs unless `solved`."""
    copy = nbformat.from_dict(notebook)
    if not solved:
        for cell in copy.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
    if exercises is not None:
        imports, found = read_exercises(exercises)
        in_flow = exercise_cells(copy)
        for exercise in found if solved else []:
            if exercise.name in in_flow:
                exercise.solve(in_flow[exercise.name], imports)
        if last := [exercise for exercise in found if exercise.name not in in_flow]:
            copy.cells += [new_markdown_cell("## Exercises with code"), new_code_cell(imports)]
            copy.cells += [cell for exercise in last for cell in exercise.cells(solved)]
    for place, cell in enumerate(copy.cells):
        cell.id = f"cell-{place:02d}"
    return copy


def exercise_cells(notebook: NotebookNode) -> dict[str, NotebookNode]:
    """Return the cells of a notebook with the tag `exercise`, by the name of the function that each of them defines."""
    tagged = [cell for cell in notebook.cells if "exercise" in cell.metadata.get("tags", [])]
    return {match[1]: cell for cell in tagged if (match := re.search(r"^def (\w+)", cell.source, flags=re.MULTILINE))}


def linked_pages(notebook: NotebookNode) -> Iterator[Path]:
    """Yield the files of `docs/` that a notebook links or shows; its copy finds them in the same relative place."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            yield from (ROOT / page for page in LINK.findall(cell.source))


def write_classroom(folder: Path, notebooks: Path = NOTEBOOKS, exercises: Path = EXERCISES) -> list[Path]:
    """Write `folder/class` and `folder/instructor`, with a copy of every notebook each, and `folder/docs`, with the
    handouts and the pages and drawings that the notebooks link; return the files.

    If a file exists with another content, such as a participant's answers, it is an error, and nothing is written.
    """
    copies: dict[Path, bytes] = {}
    folder, pages = folder.expanduser(), set(HANDOUTS.glob("*.md"))
    for path in sorted(notebooks.glob("[0-9][0-9]_*.ipynb")):
        own = exercises / f"notebook_{notebook_number(path)}.py"
        notebook = read_notebook(path)
        pages.update(linked_pages(notebook))
        for kind, solved in (("class", False), ("instructor", True)):
            copy = copy_notebook(notebook, own if own.is_file() else None, solved)
            copies[folder / kind / path.name] = (nbformat.writes(copy) + "\n").encode()
    if not copies:
        raise CompanionError(f"no notebooks in {notebooks}; give a folder of NN_name.ipynb")
    copies |= {folder / page.relative_to(ROOT): page.read_bytes() for page in sorted(pages)}
    for path, content in copies.items():
        if path.is_file() and path.read_bytes() != content:
            raise CompanionError(f"{path} exists already, and differs from the copy; name another folder")
    for path, content in copies.items():
        write_atomic(path, content)
    return list(copies)
