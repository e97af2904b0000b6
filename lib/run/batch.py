"""Run many notebooks, in a loop or by workers; those that read the others' results come last."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from lib.base.errors import CompanionError
from lib.base.files import ROOT, write_json
from lib.base.names import nearest
from lib.base.places import NOTEBOOKS, find_notebook, fix_places, notebook_number, runs_folder
from lib.base.workers import HERE, Workers
from lib.run.runner import Outcome, Task, run_notebook
from lib.worlds.freshness import LAST
from lib.worlds.profiles import Profile, load_profile, profile_text

PACKAGES = ("torch", "open_clip_torch", "timm", "transformers", "numpy", "papermill")
"""Packages whose versions a run's summary records."""


def plan(
    profile: Profile,
    numbers: Sequence[str] = (),
    *,
    overrides: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
    notebooks: Path = NOTEBOOKS,
) -> list[Task]:
    """List the tasks of a profile, for all of its notebooks or the given ones, and check every one before any runs.

    profile: as committed. overrides: "key=value", both for the profile and for the own profile of a notebook.
    """
    tasks = []
    for number in dict.fromkeys(numbers or profile.notebooks):
        text = profile_text(profile.own_profile.get(number, profile.name), overrides)
        tasks.append(Task(find_notebook(number, notebooks), text, parameters or {}))
    for task in tasks:
        task.checked()
    return tasks


def run_tasks(
    tasks: Sequence[Task],
    *,
    force: bool = False,
    workers: Workers = HERE,
    kernel: str = "python3",
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Run tasks by workers, and call `on_outcome` as each ends. A failure stops no other notebook.

    kernel: "python3" is this Python; any other must be installed.
    """
    fix_places()
    _check_kernel(kernel)
    outcomes = []
    late = [task for task in tasks if notebook_number(task.notebook) >= LAST]
    early = [task for task in tasks if task not in late]
    for outcome in chain(_each(early, force, workers, kernel), _each(late, force, HERE, kernel)):
        on_outcome(outcome)
        outcomes.append(outcome)
    return outcomes


def _check_kernel(kernel: str) -> None:
    if kernel == "python3":
        return
    from jupyter_client.kernelspec import KernelSpecManager  # takes half a second to import

    if kernel not in (known := KernelSpecManager().find_kernel_specs()):
        raise CompanionError(f"there is no Jupyter kernel {kernel!r}; {nearest(kernel, known)}")


def write_summary(profile: str, outcomes: Sequence[Outcome]) -> Path:
    """Write a run's summary into the cache: how each notebook ended, durations, commit and versions."""
    path = runs_folder(profile) / "summary.json"
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    facts = {"commit": _commit(), "python": platform.python_version(), "versions": versions}
    write_json(path, {**facts, "notebooks": [asdict(outcome) for outcome in outcomes]})
    return path


def _each(tasks: Sequence[Task], force: bool, workers: Workers, kernel: str) -> Iterator[Outcome]:
    work = partial(run_notebook, force=force, kernel=kernel, progress=workers.here(tasks))
    gpu = any(task.parameters.get("device", load_profile(task.profile).device) == "cuda" for task in tasks)
    for _, outcome in workers.each(work, tasks, gpu=gpu, lost=_killed):
        yield outcome


def _killed(task: Task) -> Outcome:
    message = f"{task.notebook.stem}: a runner process was killed; often this means that memory ran out"
    return Outcome(task.notebook.stem, task.profile, "failed", dict(task.parameters), message=message)


def _commit() -> str | None:
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607  # wherever this machine keeps git
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()
