from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lib.base.errors import CompanionError
from lib.run.notebooks import clean, refresh
from tests.conftest import Write


def executed(*outputs: Any) -> Any:
    """What papermill leaves: its metadata everywhere, its cell, counts that do not start at one."""
    stamp = {"papermill": {"duration": 1.5}, "execution": {"iopub.status.busy": "now"}}
    cells = [
        new_markdown_cell("# Title", id="title", metadata=stamp),
        new_code_cell("rate = 1", id="p", execution_count=1, metadata={"tags": ["parameters"], **stamp}),
        new_code_cell("rate = 2", id="i", execution_count=2, metadata={"tags": ["injected-parameters"], **stamp}),
        new_code_cell("work()", id="w", execution_count=3, outputs=list(outputs), metadata=stamp),
    ]
    return new_notebook(
        cells=cells, metadata={"papermill": {}, "language_info": {"name": "python", "version": "3.11.7"}}
    )


def test_what_a_run_adds_is_removed() -> None:
    made = clean(executed(new_output("execute_result", {"text/plain": "7"}, execution_count=3)), "10_x")
    assert [cell.id for cell in made.cells] == ["title", "p", "w"]
    assert [cell.metadata for cell in made.cells] == [{}, {"tags": ["parameters"]}, {}]
    assert [cell.execution_count for cell in made.cells if cell.cell_type == "code"] == [1, 2]
    assert made.cells[-1].outputs[0].execution_count == 2
    assert made.metadata["language_info"] == {"name": "python"}
    assert set(made.metadata) == {"kernelspec", "language_info"}


def test_cleaning_twice_changes_nothing() -> None:
    once = clean(executed(new_output("stream", name="stdout", text="1\n")), "10_x")
    assert clean(once, "10_x") == once


def test_text_is_joined_and_stderr_dropped() -> None:
    parts = [("stdout", "a"), ("stderr", "warning"), ("stdout", "b\n")]
    made = clean(executed(*[new_output("stream", name=name, text=text) for name, text in parts]), "10_x")
    assert [output.text for output in made.cells[-1].outputs] == ["ab\n"]


def test_figures_are_kept_as_png() -> None:
    figure = {"image/png": "aGVsbG8=", "text/plain": "<Figure size 800x450 with 1 Axes>"}
    made = clean(executed(new_output("display_data", figure)), "10_x")
    assert made.cells[-1].outputs[0].data == figure


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "application/javascript", "image/jpeg"])
def test_other_outputs_are_refused(kind: str) -> None:
    shown = new_output("display_data", {kind: "x", "text/plain": "x"})
    with pytest.raises(CompanionError, match=r"notebook 10_x, cell \[2\]: shows .*; show text or a PNG figure instead"):
        clean(executed(shown), "10_x")


def test_errors_are_refused() -> None:
    error = new_output("error", ename="ValueError", evalue="x", traceback=[])
    with pytest.raises(CompanionError, match=r"notebook 10_x, cell \[2\]: contains the error ValueError"):
        clean(executed(error), "10_x")


def test_refresh_writes_back_and_twice_gives_the_same_bytes(write: Write, results: Path) -> None:
    path = write("10_x", "print('rate', rate)", "import sys; print('noise', file=sys.stderr)")
    refresh(["10"], path.parent)
    first = path.read_bytes()
    made = nbformat.read(path, as_version=4)
    assert [cell.id for cell in made.cells] == ["title", "parameters", "body-0", "body-1"]
    assert [cell.outputs for cell in made.cells[2:]] == [[new_output("stream", name="stdout", text="rate 0.5\n")], []]
    refresh([], path.parent)
    assert path.read_bytes() == first


def test_a_failure_leaves_the_notebook_alone(write: Write, results: Path, no_kernel: list[str]) -> None:
    path = write("10_x", "raise ValueError('broken')")
    before = path.read_bytes()
    with pytest.raises(CompanionError, match="10_x: ValueError: broken"):
        refresh(["10"], path.parent)
    assert path.read_bytes() == before


def test_a_notebook_needs_a_profile(write: Write, results: Path) -> None:
    path = write("10_x", "1", parameters="rate = 1.0")
    with pytest.raises(CompanionError, match="notebook 10_x has no parameter 'profile'"):
        refresh(["10"], path.parent)
