"""Class and instructor copies: the same questions, bodies in one of them only, and both are valid notebooks."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from lib.data.errors import CompanionError
from lib.run import cli
from lib.run.classroom import EXERCISES, read_exercises, write_classroom
from lib.run.places import NOTEBOOKS


def test_every_paper_has_three_graded_exercises() -> None:
    papers: dict[str, int] = {}
    for path in EXERCISES.glob("notebook_*.py"):
        number = path.stem.split("_")[1]
        assert list(NOTEBOOKS.glob(f"{number}_*.ipynb")), path.name
        papers[number[0]] = papers.get(number[0], 0) + len(read_exercises(path)[1])
    assert set(papers) == set("1234") and min(papers.values()) >= 3


def test_copies(tmp_path: Path) -> None:
    answer = CliRunner().invoke(cli.app, ["classroom", str(tmp_path)])
    assert answer.exit_code == 0, answer.output
    count = len(list(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")))
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
    assert solved.cells[-2].source.startswith("**Mixed latent** (hard). Pictures show cats or cars")


def test_a_function_without_a_grade_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notebook_10.py"
    path.write_text('import numpy\n\n\ndef f() -> int:\n    """A question."""\n    return 1\n')
    with pytest.raises(CompanionError, match=r"notebook_10.py: f opens with no grade; begin with Easy, Medium, Hard"):
        read_exercises(path)
    with pytest.raises(CompanionError, match="no notebooks in"):
        write_classroom(tmp_path, notebooks=tmp_path)
