"""Small notebooks for the tests of the gates, and nbval run on them as `make test` runs it."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lib.base.files import ROOT

SANITISE = ROOT / "tests" / "sanitise.cfg"
TITLE = "# A small notebook\nPaper 1. Claim C4. Running time: a second."


def code(source: str, text: str = "", *tags: str) -> NotebookNode:
    outputs = [new_output("stream", name="stdout", text=text)] if text else []
    return new_code_cell(source, outputs=outputs, metadata={"tags": list(tags)})


def notebook(*cells: NotebookNode, title: str = TITLE) -> NotebookNode:
    """The fixed first three cells, the given ones, and the counts that a run from the top leaves."""
    start = [code('profile = "scenes"', "", "parameters"), code("import lib\nrun = lib.start(profile)")]
    copies = [copy.deepcopy(cell) for cell in (new_markdown_cell(title), *start, *cells)]
    for place, cell in enumerate(copies):
        cell.id = f"cell-{place}"
    made = new_notebook(cells=copies)
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for count, cell in enumerate(code_cells(made), start=1):
        cell.execution_count = count
    return made


def write(made: NotebookNode, path: Path) -> Path:
    nbformat.write(made, path)
    return path


def failing_cells(folder: Path) -> set[tuple[str, int]]:
    """Notebook and number among its code cells of every cell in a folder whose output nbval finds changed."""
    report = folder / "report.xml"
    flags = ["--nbval", "--nbval-current-env", "--nbval-sanitize-with", str(SANITISE), f"--junit-xml={report}"]
    plugins = ["-p", "no:cacheprovider", "-p", "tests.gates.nbval_plugin"]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, *flags, str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    environment.pop("MPLBACKEND", None)  # the tests draw nowhere; a kernel shows its figures
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    seen, failed = set(), set()
    for case in ElementTree.parse(report).iter("testcase"):
        cell = (case.attrib["classname"].removesuffix(".ipynb"), int(case.attrib["name"].removeprefix("Cell ")))
        seen.add(cell)
        assert case.find("error") is None, done.stdout
        if case.find("failure") is not None:
            failed.add(cell)
    wanted = {path.stem: nbformat.read(path, as_version=4) for path in folder.glob("*.ipynb")}
    assert seen == {(name, cell) for name, made in wanted.items() for cell in range(len(code_cells(made)))}
    return failed


def code_cells(made: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in made.cells if cell.cell_type == "code"]
