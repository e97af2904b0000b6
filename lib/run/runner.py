"""Runs one notebook through papermill: checked parameters, atomic output, one line when it goes wrong."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from lib.data.errors import CompanionError, NotAvailable
from lib.data.files import ROOT, lock, writable
from lib.run.freshness import forget_written, is_current, record_run, run_digest
from lib.run.parameters import check_parameters, read_parameters
from lib.run.places import notebook_number, results_root, runs_folder
from lib.run.profiles import Profile, load_profile

CELL_TIMEOUT = 3600
"""Seconds a cell may take before the notebook fails."""

START_TRIES = 3
"""Kernels that start side by side sometimes clash over a port; nothing else is worth a second try."""

Status = Literal["ran", "current", "skipped", "failed"]


@dataclass(frozen=True)
class Task:
    """One notebook with the profile it runs in, "NAME" or "NAME key=value ...", and parameters beside it."""

    notebook: Path
    profile: str
    parameters: Mapping[str, Any]

    def checked(self) -> tuple[NotebookNode, dict[str, Any], Profile]:
        """The notebook, all its parameters that are set, and the profile; a CompanionError if they do not fit."""
        notebook = read_notebook(self.notebook)
        parameters = {"profile": self.profile, **self.parameters}
        check_parameters(parameters, read_parameters(notebook, self.notebook.stem), self.notebook.stem)
        return notebook, parameters, load_profile(parameters["profile"], seeds=parameters.get("seeds"))


@dataclass(frozen=True)
class Outcome:
    """How a run ended. current: nothing to do. skipped: the machine lacks something. `message` says why."""

    notebook: str
    profile: str
    status: Status
    parameters: dict[str, Any]
    seconds: float = 0.0
    message: str = ""
    cell: int | None = None
    """The execution count of the cell that failed."""

    def line(self) -> str:
        """For the terminal."""
        ending = {"ran": f"in {self.seconds:.0f} s", "current": "nothing to do"}.get(self.status, self.message)
        return f"{self.notebook:<28} {self.status:<8} {ending}"


def run_notebook(
    task: Task, *, force: bool = False, kernel: str = "python3", progress: bool = False, timeout: int = CELL_TIMEOUT
) -> Outcome:
    """Run a notebook unless it is up to date, to `results/<profile>/notebooks/`.

    The executed notebook replaces the last one only when it is whole. One that failed lies beside it as
    `NAME.failed.ipynb`. Bad parameters raise `CompanionError` before anything runs.
    """
    notebook, parameters, profile = task.checked()
    number, name = notebook_number(task.notebook), task.notebook.stem
    output = results_root() / profile.name / "notebooks" / task.notebook.name
    outcome = Outcome(name, profile.name, "ran", parameters)
    with lock(runs_folder(profile.name) / number):
        run = run_digest(notebook, number, parameters, profile)
        if not force and is_current(profile.name, number, run, output):
            return replace(outcome, status="current")
        forget_written(profile.name, number)
        began = time.perf_counter()
        ended = _execute(task.notebook, output, parameters, kernel, progress, timeout)
        if not ended:
            record_run(profile.name, number, run, output)
        return replace(outcome, seconds=time.perf_counter() - began, **ended)


def read_notebook(path: Path) -> NotebookNode:
    """A notebook of format 4, with a one-line error if it is none."""
    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise CompanionError(f"there is no notebook {path.name}") from None
    except Exception as error:  # nbformat raises whatever its parsers raise
        raise CompanionError(f"notebook {path.name} is not readable ({type(error).__name__}: {error})") from None


def _execute(
    source: Path, output: Path, parameters: dict[str, Any], kernel: str, progress: bool, timeout: int
) -> dict[str, Any]:
    """Run to a temporary name and put the file in place. Returns what differs from a good outcome: nothing, if good."""
    with writable(output):
        output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".partial.{output.name}")
    failed = output.with_suffix(".failed.ipynb")
    failed.unlink(missing_ok=True)
    try:
        _execute_with_retry(source, partial, parameters, kernel, progress, timeout)
    except PapermillExecutionError as error:
        cell = error.exec_count if isinstance(error.exec_count, int) else None
        if error.ename == NotAvailable.__name__:
            return {"status": "skipped", "message": _line(error.evalue), "cell": cell}
        os.replace(partial, failed)
        text = f"{source.stem}, cell [{cell}]: {error.ename}: {_line(error.evalue)} (see {_shown(failed)})"
        return {"status": "failed", "message": text, "cell": cell}
    except CellTimeoutError:
        return {"status": "failed", "message": f"{source.stem}: a cell took more than {timeout} s"}
    except DeadKernelError:
        text = f"{source.stem}: the kernel died; often this means that memory ran out"
        return {"status": "failed", "message": text}
    except Exception as error:  # any other way for a kernel to fail: one line, and the other notebooks go on
        return {"status": "failed", "message": f"{source.stem}: {type(error).__name__}: {_line(str(error))}"}
    else:
        os.replace(partial, output)
        return {}
    finally:
        partial.unlink(missing_ok=True)


def _execute_with_retry(
    source: Path, partial: Path, parameters: dict[str, Any], kernel: str, progress: bool, timeout: int
) -> None:
    os.environ["COMPANION_QUIET"] = "1"  # kernels inherit it; papermill rewrites the notebook at every step of a bar
    for attempt in range(1, START_TRIES + 1):
        try:
            papermill.execute_notebook(
                source,
                partial,
                parameters,
                kernel_name=kernel,
                language="python",
                cwd=ROOT,
                execution_timeout=timeout,
                # Nothing of its own: a warning about local sockets, or that it was interrupted, tells a reader nothing.
                extra_arguments=["--IPKernelApp.log_level=50"],
                progress_bar={"desc": source.stem, "leave": False, "disable": None} if progress else False,
            )
            return
        except Exception as error:
            if attempt == START_TRIES or not _is_start_failure(error):
                raise
            time.sleep(random.uniform(1, 3) * attempt)


def _is_start_failure(error: Exception) -> bool:
    """jupyter_client knows no type of its own for these two."""
    return type(error) is RuntimeError and str(error).startswith(
        ("Kernel died before replying", "Kernel didn't respond")
    )


def _line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0]


def _shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)
