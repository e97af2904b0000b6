"""How long notebooks take: their last runs, and from those the time that is left of a run of many."""

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
"""The page whose table has how long the last run of each notebook took."""

UNKNOWN_SECONDS = 60.0
"""What is assumed of a notebook that was never run."""


def last_seconds(name: str, page: str) -> float | None:
    """Seconds of the last run of a notebook's file on this machine, whatever the profile, or what the page says."""
    runs = sorted(results_root().glob(f"*/notebooks/{name}"), key=lambda path: path.stat().st_mtime)
    if runs:
        metadata = json.loads(runs[-1].read_text(encoding="utf-8"))["metadata"]
        return metadata.get("papermill", {}).get("duration")
    told = re.search(rf"\(\.\./notebooks/{re.escape(name)}\).* \| (\d+) s \|$", page, flags=re.MULTILINE)
    return float(told[1]) if told else None


def expected_seconds(task: Task) -> float:
    """What a notebook took in its last run, or UNKNOWN_SECONDS."""
    page = NOTEBOOKS_PAGE.read_text(encoding="utf-8") if NOTEBOOKS_PAGE.is_file() else ""
    return last_seconds(task.notebook.name, page) or UNKNOWN_SECONDS


def longest_first(tasks: Sequence[Task]) -> list[Task]:
    """The order in which several at a time end soonest as a rule: no long one is left to run alone."""
    return sorted(tasks, key=expected_seconds, reverse=True)


def makespan(seconds: Sequence[float], jobs: int) -> float:
    """Seconds that tasks take if `jobs` of them run at a time, each next one beginning as soon as there is room.

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
    """The estimate of the time that is left of a run, from the last runs and from how fast this one goes."""

    def __init__(self, tasks: Sequence[Task], jobs: int, clock: Callable[[], float] = time.monotonic) -> None:
        """tasks: those that are not up to date, in the order in which they begin. jobs: so many of them at a time."""
        self.expected = {task.notebook.stem: expected_seconds(task) for task in tasks}
        self.late = {task.notebook.stem for task in tasks if notebook_number(task.notebook) >= LAST}
        self.jobs, self.clock, self.began = jobs, clock, clock()
        self.took: dict[str, float] = {}
        self.ran: list[str] = []

    def seconds(self) -> float:
        """The whole run at the speed of those that have ended, less the time since it began."""
        done = sum(self.expected[name] for name in self.ran)
        speed = sum(self.took[name] for name in self.ran) / done if done else 1.0
        times = {name: self.took.get(name, speed * expected) for name, expected in self.expected.items()}
        early, late = ([times[name] for name in times if (name in self.late) == is_late] for is_late in (False, True))
        return max(0.0, makespan(early, self.jobs) + sum(late) - (self.clock() - self.began))

    def after(self, outcome: Outcome) -> str:
        """Note how a notebook ended; returns "3 of 22, about 9 min left" for its line, or nothing to say."""
        if outcome.notebook not in self.expected:
            return ""
        self.took[outcome.notebook] = outcome.seconds
        self.ran += [outcome.notebook] if outcome.status == "ran" else []
        count = f"{len(self.took)} of {len(self.expected)}"
        if len(self.took) == len(self.expected):
            return count
        return f"{count}, about {said(self.seconds())} left"


def said(seconds: float) -> str:
    """A duration in words: "40 s", "5 min", "2.5 h"."""
    if seconds >= 7200:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"
