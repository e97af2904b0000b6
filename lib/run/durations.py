"""How long notebooks take: the times of their last runs, and an estimate from them of how long a run still takes."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from heapq import heappop, heappush

from lib.base.files import ROOT
from lib.base.places import notebook_number, results_root
from lib.run.runner import Outcome, Task
from lib.worlds.freshness import LAST

NOTEBOOKS_PAGE = ROOT / "docs" / "notebooks.md"
"""The page whose table says how long the last run of each notebook took."""

UNKNOWN_SECONDS = 60.0
"""The time assumed for a notebook that was never run."""


def last_seconds(name: str, page: str) -> float | None:
    """Seconds of the last run of a notebook's file on this machine, in any profile, or else those on the page."""
    runs = sorted(results_root().glob(f"*/notebooks/{name}"), key=lambda path: path.stat().st_mtime)
    if runs:
        metadata = json.loads(runs[-1].read_text(encoding="utf-8"))["metadata"]
        return metadata.get("papermill", {}).get("duration")
    told = re.search(rf"\(\.\./notebooks/{re.escape(name)}\).* \| (\d+) s \|$", page, flags=re.MULTILINE)
    return float(told[1]) if told else None


def expected_seconds(task: Task) -> float:
    """Seconds that a notebook took in its last run, or UNKNOWN_SECONDS."""
    page = NOTEBOOKS_PAGE.read_text(encoding="utf-8") if NOTEBOOKS_PAGE.is_file() else ""
    return last_seconds(task.notebook.name, page) or UNKNOWN_SECONDS


def longest_first(tasks: Sequence[Task]) -> list[Task]:
    """Sort tasks so that several at a time usually end soonest: no long one is left to run alone."""
    return sorted(tasks, key=expected_seconds, reverse=True)


def makespan(seconds: Sequence[float], jobs: int) -> float:
    """Seconds that tasks take if `jobs` of them run at a time and the next one begins as soon as there is room.

    Examples
    --------
    >>> makespan([3, 2, 2], jobs=2)
    4.0
    """
    free = [0.0] * jobs
    for one in seconds:
        heappush(free, heappop(free) + one)
    return max(free)


class TimeLeft:
    """An estimate of how long a run still takes, from the last runs and from the speed of this one."""

    def __init__(self, tasks: Sequence[Task], jobs: int, clock: Callable[[], float] = time.monotonic) -> None:
        """tasks: those that are not up to date, in the order in which they begin. jobs: how many run at a time."""
        self.expected = {task.notebook.stem: expected_seconds(task) for task in tasks}
        self.late = {task.notebook.stem for task in tasks if notebook_number(task.notebook) >= LAST}
        self.jobs, self.clock, self.began = jobs, clock, clock()
        self.took: dict[str, float] = {}
        self.ran: list[str] = []

    def seconds(self) -> float:
        """Seconds of the whole run at the speed of the notebooks that have ended, minus the time since it began."""
        done = sum(self.expected[name] for name in self.ran)
        speed = sum(self.took[name] for name in self.ran) / done if done else 1.0
        times = {name: self.took.get(name, speed * expected) for name, expected in self.expected.items()}
        early, late = ([times[name] for name in times if (name in self.late) == is_late] for is_late in (False, True))
        return max(0.0, makespan(early, self.jobs) + sum(late) - (self.clock() - self.began))

    def after(self, outcome: Outcome) -> str:
        """Note how a notebook ended, and return "3 of 22, about 9 min left" for its line, or an empty text."""
        if outcome.notebook not in self.expected:
            return ""
        self.took[outcome.notebook] = outcome.seconds
        self.ran += [outcome.notebook] if outcome.status == "ran" else []
        count = f"{len(self.took)} of {len(self.expected)}"
        if len(self.took) == len(self.expected):
            return count
        return f"{count}, about {said(self.seconds())} left"


def said(seconds: float) -> str:
    """Write a duration in words: "40 s", "5 min", "2.5 h"."""
    if seconds >= 7200:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"
