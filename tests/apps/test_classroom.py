"""Class and instructor copies: the same questions, bodies in one of them only, and both are valid notebooks."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from typer.testing import CliRunner

from lib.apps.classroom import (
    EXERCISES,
    copy_notebook,
    exercise_cells,
    linked_pages,
    read_exercises,
    write_classroom,
)
from lib.base.errors import CompanionError
from lib.base.files import ROOT
from lib.base.places import NOTEBOOKS
from lib.run import cli
from tests.conftest import Write


def test_every_paper_has_three_graded_exercises() -> None:
    papers: dict[str, int] = {}
    for path in EXERCISES.glob("notebook_*.py"):
        number = path.stem.split("_")[1]
        assert list(NOTEBOOKS.glob(f"{number}_*.ipynb")), path.name
        papers[number[0]] = papers.get(number[0], 0) + len(read_exercises(path)[1])
    assert set(papers) >= set("1234") and min(papers[paper] for paper in "1234") >= 3


def test_copies(tmp_path: Path) -> None:
    answer = CliRunner().invoke(cli.app, ["classroom", str(tmp_path)])
    assert answer.exit_code == 0, answer.output
    count = len(list(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")))
    assert answer.output.startswith(f"{count} notebooks in ")
    for kind, solved in (("class", False), ("instructor", True)):
        paths = sorted((tmp_path / kind).glob("*.ipynb"))
        assert len(paths) == count
        for path in paths:
            notebook = nbformat.read(path, as_version=4)
            nbformat.validate(notebook)
            code = [cell for cell in notebook.cells if cell.cell_type == "code"]
            assert any(cell.outputs for cell in code) == solved, path.name
            cells = [cell for cell in code if "exercise" in cell.metadata.get("tags", [])]
            assert all(("..." in cell.source) != solved for cell in cells)
            for cell in cells:
                compile(cell.source, path.name, "exec")
    solved = nbformat.read(tmp_path / "instructor" / "10_monosemanticity.ipynb", as_version=4)
    sources = [cell.source for cell in solved.cells if cell.cell_type == "code"]
    assert sum("monosemanticity(activations, judge).score[0]" in source for source in sources) == 2
    flow = exercise_cells(solved)["mixed_latent"]
    assert flow.source.startswith("import numpy as np") and flow.source.endswith("check(mixed_latent)")
    assert len(flow.outputs) == 0


def test_an_exercise_that_the_notebook_has_not_is_put_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "notebook_10.py"
    path.write_text("import numpy\n\n\n" + "\n\n\n".join(EXERCISE.format(name) for name in ("first", "second")))
    flow = new_code_cell("def first() -> int:\n    ...\n\n\ncheck(first)", metadata={"tags": ["exercise"]})
    for solved in (False, True):
        copy = copy_notebook(new_notebook(cells=[flow, new_markdown_cell("the end")]), path, solved)
        assert ("return 1" in copy.cells[0].source) == solved and copy.cells[0].source.endswith("check(first)")
        assert [cell.source for cell in copy.cells[2:4]] == ["## Exercises with code", "import numpy"]
        assert copy.cells[-2].source == "**Second** (easy). How many?" and len(copy.cells) == 6
        assert copy.cells[-1].source.endswith("second()")


def test_a_solution_keeps_what_its_cell_imports(tmp_path: Path) -> None:
    path = tmp_path / "notebook_10.py"
    path.write_text("import numpy\n\n\n" + EXERCISE.format("first"))
    source = "import numpy\nfrom lib.x import check\n\n\ndef first() -> int: ...\n\n\ncheck(first)"
    flow = new_code_cell(source, metadata={"tags": ["exercise"]})
    solved = copy_notebook(new_notebook(cells=[flow]), path, solved=True).cells[0].source
    assert solved.startswith("import numpy\nfrom lib.x import check\n\n\ndef first") and "return 1" in solved


EXERCISE = """def {}() -> int:
    \"\"\"Easy. How many?\"\"\"
    return 1
"""


def test_pages_that_copies_link_come_with_them(tmp_path: Path) -> None:
    written = write_classroom(tmp_path)
    for path in written:
        if path.suffix == ".ipynb":
            for page in linked_pages(nbformat.read(path, as_version=4)):
                assert (path.parent.parent / page.relative_to(ROOT)).is_file(), f"{path.name} links {page.name}"
    assert (tmp_path / "docs" / "drawings" / "dictionary.svg").read_bytes().startswith(b"<svg")
    assert sorted(path.name for path in (tmp_path / "docs" / "handouts").iterdir()) == [
        f"paper-{number}.md" for number in (1, 2, 3, 4)
    ]


def test_answers_of_a_class_are_not_overwritten(tmp_path: Path, write: Write) -> None:
    notebooks, folder = write("10_x", "1").parent, tmp_path / "for a class"
    written = write_classroom(folder, notebooks)
    assert write_classroom(folder, notebooks) == written
    answered = folder / "class" / "10_x.ipynb"
    answered.write_text(answered.read_text().replace("# Title", "# My answers"))
    (folder / "instructor" / "10_x.ipynb").unlink()
    with pytest.raises(CompanionError, match=r"class/10_x\.ipynb exists already, and differs from the copy"):
        write_classroom(folder, notebooks)
    assert "My answers" in answered.read_text() and not (folder / "instructor" / "10_x.ipynb").exists()


def test_a_function_without_a_grade_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notebook_10.py"
    path.write_text('import numpy\n\n\ndef f() -> int:\n    """A question."""\n    return 1\n')
    with pytest.raises(
        CompanionError, match=r"notebook_10.py: f does not begin with a grade; begin with Easy, Medium, Hard"
    ):
        read_exercises(path)
    with pytest.raises(CompanionError, match="no notebooks in"):
        write_classroom(tmp_path, notebooks=tmp_path)
