"""Run the committed notebooks in their default profiles, and write them back with their outputs and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from lib.base.cells import read_cells
from lib.base.errors import CompanionError
from lib.base.files import write_atomic
from lib.base.places import NOTEBOOKS, find_notebook, notebook_number, read_notebook, results_root
from lib.report.card import is_card
from lib.report.player import is_player
from lib.report.tables import is_table
from lib.run.parameters import read_parameters
from lib.run.runner import Outcome, Task, run_notebook

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
MIME_TYPES = {"text/plain", "image/png"}
"""Types of a committed output, besides players of sounds and evidence cards; none of them executes anything."""


def refresh(numbers: Sequence[str] = (), notebooks: Path = NOTEBOOKS) -> list[Outcome]:
    """Run notebooks (all, by default) with the values of their parameters cells, and write them back cleaned.

    Notebooks that are up to date are not run again. The first one that fails, or for which this machine lacks
    something, raises an error; those before it are written.
    """
    paths = [find_notebook(number, notebooks) for number in numbers] or sorted(notebooks.glob("[0-9][0-9]_*.ipynb"))
    return [_refresh(path) for path in sorted(paths, key=notebook_number)]


def clean(notebook: NotebookNode, name: str) -> NotebookNode:
    """Copy a notebook without papermill's metadata and cell, and without stderr, which changes from run to run.

    Execution counts become 1 to n. Outputs other than text, PNG, players of sounds and evidence cards are refused.
    """
    fresh = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL, "language_info": {"name": "python"}})
    count = 0
    for place, cell in enumerate(notebook.cells):
        if "injected-parameters" in cell.metadata.get("tags", []):
            continue
        made = {"id": cell.get("id") or f"cell-{place:02d}", "source": cell.source, "metadata": _tags(cell)}
        if cell.cell_type == "code":
            count += 1
            outputs = _outputs(cell, count, f"notebook {name}, cell [{count}]")
            fresh.cells.append(nbformat.v4.new_code_cell(**made, execution_count=count, outputs=outputs))
        else:
            fresh.cells.append(nbformat.v4.new_markdown_cell(**made))
    nbformat.validate(fresh)
    return fresh


def _refresh(path: Path) -> Outcome:
    profile = read_parameters(read_cells(path), path.stem).get("profile")
    if profile is None:
        raise CompanionError(f"notebook {path.stem} has no parameter 'profile'; add it to the parameters cell")
    outcome = run_notebook(Task(path, profile.default, {}), progress=True)
    if outcome.status not in ("ran", "current"):
        raise CompanionError(outcome.message)
    executed = read_notebook(results_root() / outcome.profile / "notebooks" / path.name)
    write_atomic(path, nbformat.writes(clean(executed, path.stem)) + "\n")
    return outcome


def _tags(cell: NotebookNode) -> dict[str, list[str]]:
    tags = cell.metadata.get("tags", [])
    return {"tags": list(tags)} if tags else {}


def _outputs(cell: NotebookNode, count: int, where: str) -> list[NotebookNode]:
    kept: list[NotebookNode] = []
    for output in cell.outputs:
        if output.output_type == "error":
            raise CompanionError(f"{where}: contains the error {output.ename}; fix it before you commit the notebook")
        if output.output_type == "stream":
            if output.name == "stdout":
                _add_text(kept, output.text)
            continue
        html = output.data.get("text/html", "")
        ours = is_player(html) or is_card(html) or is_table(html)
        refused = sorted(set(output.data) - (MIME_TYPES | {"text/html"} if ours else MIME_TYPES))
        if refused:
            raise CompanionError(f"{where}: shows {refused[0]}; show text or a PNG figure instead")
        counted = {"execution_count": count} if output.output_type == "execute_result" else {}
        kept.append(nbformat.v4.new_output(output.output_type, data=dict(output.data), **counted))
    return kept


def _add_text(kept: list[NotebookNode], text: str) -> None:
    """Join text to the output before it, since a kernel splits what is printed in a row at random places."""
    if kept and kept[-1].output_type == "stream":
        kept[-1].text += text
    else:
        kept.append(nbformat.v4.new_output("stream", name="stdout", text=text))
