"""Fixtures for all tests, and settings that make them the same on every run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from hypothesis import settings
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from lib.worlds.freshness import note_started
from lib.worlds.profiles import load_profile

os.environ.setdefault("MPLBACKEND", "Agg")

# The same examples on every run, and no limit on time: a slow machine fails no test.
settings.register_profile("companion", derandomize=True, deadline=None, max_examples=50, database=None)
settings.load_profile("companion")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real files, `COMPANION_DATA`."""
    root = os.environ.get("COMPANION_DATA")
    if not root:
        pytest.skip("COMPANION_DATA is not set: no real files to test on")
    return Path(root).expanduser().resolve()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, in use for one test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("COMPANION_CACHE", str(folder))
    return folder


# Tiny notebooks in a folder of their own, with results and cache of their own.

PARAMETERS = 'profile: str = "scenes"\nseeds: int | None = None\nrate: float = 0.5'

Write = Callable[..., Path]
"""name, sources of cells -> path"""


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> Path:
    """An empty results folder, in use together with an empty cache."""
    folder = tmp_path / "results"
    monkeypatch.setenv("COMPANION_RESULTS", str(folder))
    return folder


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes `notebooks/NAME.ipynb` with a title, a parameters cell and the given cells."""

    def make(name: str, *sources: str, parameters: str = PARAMETERS) -> Path:
        cells = [new_markdown_cell("# Title", id="title")]
        cells.append(new_code_cell(parameters, id="parameters", metadata={"tags": ["parameters"]}))
        cells += [new_code_cell(source, id=f"body-{place}") for place, source in enumerate(sources)]
        path = tmp_path / "notebooks" / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(new_notebook(cells=cells), path)
        return path

    return make


@pytest.fixture
def no_kernel(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Papermill without a kernel: the cells run here, without outputs. Returns the names of what was run."""
    ran = []

    def execute(source: Path, output: Path, parameters: dict[str, Any], **_: Any) -> None:
        notebook = nbformat.read(source, as_version=4)
        variables: dict[str, Any] = {}
        for cell in notebook.cells:
            if cell.cell_type == "code":
                exec(cell.source, variables)
                variables.update(parameters if cell.id == "parameters" else {})
        note_started(load_profile(parameters["profile"], seeds=parameters.get("seeds")).name, source.stem[:2])
        ran.append(source.stem)
        nbformat.write(notebook, output)

    monkeypatch.setattr(papermill, "execute_notebook", execute)
    return ran
