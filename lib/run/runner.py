"""Run one notebook unless it is up to date: check its parameters, and describe the outcome in one line."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from lib.base.cells import Cell, read_cells
from lib.base.files import lock
from lib.base.places import notebook_number, results_root, runs_folder
from lib.run.parameters import check_parameters, read_parameters
from lib.worlds.freshness import forget_written, is_current, record_run, run_digest
from lib.worlds.profiles import Profile, check_folder, load_profile

CELL_TIMEOUT = 3600
"""Seconds that a cell may take before the notebook fails."""

Status = Literal["ran", "current", "skipped", "failed"]


@dataclass(frozen=True)
class Task:
    """One notebook with the profile it runs in, "NAME" or "NAME key=value ...", and its other parameters."""

    notebook: Path
    profile: str
    parameters: Mapping[str, Any]

    def checked(self) -> tuple[list[Cell], dict[str, Any], Profile]:
        """Return the cells, all parameters that are set, and the profile; raise CompanionError if they do not fit."""
        cells = read_cells(self.notebook)
        parameters = {"profile": self.profile, **self.parameters}
        check_parameters(parameters, read_parameters(cells, self.notebook.stem), self.notebook.stem)
        profile = load_profile(parameters["profile"], seeds=parameters.get("seeds"))
        check_folder(profile)
        return cells, parameters, profile


@dataclass(frozen=True)
class Outcome:
    """The end of a run. current: there was nothing to do. skipped: the machine lacks something. `message` says why."""

    notebook: str
    profile: str
    status: Status
    parameters: dict[str, Any]
    seconds: float = 0.0
    message: str = ""
    cell: int | None = None
    """The execution count of the cell that failed."""

    def line(self) -> str:
        """Describe the outcome in one line for the terminal."""
        ending = {"ran": f"in {self.seconds:.0f} s", "current": "nothing to do"}.get(self.status, self.message)
        return f"{self.notebook:<28} {self.status:<8} {ending}"


def run_notebook(
    task: Task, *, force: bool = False, kernel: str = "python3", progress: bool = False, timeout: int = CELL_TIMEOUT
) -> Outcome:
    """Run a notebook unless it is up to date, and write it to `results/<profile>/notebooks/`.

    The executed notebook replaces the last one only when it is complete. A failed one is stored next to it as
    `NAME.failed.ipynb`. Bad parameters raise `CompanionError` before anything runs.
    """
    from lib.run.execution import execute  # papermill takes over a second to import

    cells, parameters, profile = task.checked()
    number, output = notebook_number(task.notebook), _executed(task, profile)
    outcome = Outcome(task.notebook.stem, profile.name, "ran", parameters)
    with lock(runs_folder(profile.name) / number):
        run = run_digest(cells, number, parameters, profile)
        if not force and is_current(profile.name, number, run, output):
            return replace(outcome, status="current")
        forget_written(profile.name, number)
        began = time.perf_counter()
        ended = execute(task.notebook, output, parameters, kernel, progress, timeout)
        if not ended:
            record_run(profile.name, number, run, output)
        return replace(outcome, seconds=time.perf_counter() - began, **ended)


def is_up_to_date(task: Task) -> bool:
    """True if `run_notebook` has nothing to do for this task."""
    cells, parameters, profile = task.checked()
    number = notebook_number(task.notebook)
    return is_current(profile.name, number, run_digest(cells, number, parameters, profile), _executed(task, profile))


def _executed(task: Task, profile: Profile) -> Path:
    return results_root() / profile.name / "notebooks" / task.notebook.name
