"""Tasks spread over processes of this machine or over a Ray cluster, with the results of a plain loop.

A task is an idempotent unit of work: it writes to the cache or to `results/`, folders that all workers share, and it
returns little. So it does not matter which worker does it, when, or how often.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence, Sized
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from multiprocessing import active_children
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from lib.base.children import THREADS, start_pool, variable
from lib.base.errors import CompanionError
from lib.base.progress import progress

T = TypeVar("T")
R = TypeVar("R")


_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""The limit of a container: "QUOTA PERIOD" in microseconds of processor time and of the clock, or "max PERIOD"."""


def cores() -> int:
    """Count the cores that this process may use: those it is bound to, and no more than its container's share."""
    bound = len(os.sched_getaffinity(0))
    quota, _, period = (_QUOTA.read_text() if _QUOTA.is_file() else "max").partition(" ")
    return bound if quota.strip() == "max" else max(1, min(bound, int(quota) // int(period)))


def refuse(task: Any) -> NoReturn:
    """Raise the error about a task whose worker died."""
    raise CompanionError(
        f"{task}: its worker died, often because memory ran out; finished work is kept, and the same call continues"
    )


@dataclass(frozen=True)
class Workers:
    """The workers that do tasks: this process (the default), several processes of this machine, or a Ray cluster."""

    jobs: int = 1
    """Processes of this machine."""
    ray: str | None = None
    """The address of a cluster, "HOST:PORT" or "auto"; "local" starts one on this machine."""

    def __post_init__(self) -> None:
        if self.jobs > 1 and self.ray is not None:
            raise CompanionError(
                f"{self.jobs} processes of this machine and a Ray cluster; give --jobs or --ray, not both"
            )

    def here(self, tasks: Sized) -> bool:
        """Return whether `each` does these tasks one after another in this process."""
        return len(tasks) == 0 or (self.ray is None and (self.jobs == 1 or len(tasks) == 1))

    def each(
        self, function: Callable[[T], R], tasks: Sequence[T], *, gpu: bool = False, lost: Callable[[T], R] = refuse
    ) -> Iterator[tuple[T, R]]:
        """Yield every task with `function(task)`, as they end; an error of a task is raised and ends the others.

        function: must be possible to pickle; a worker gets it once, so it may hold a model. gpu: whether each worker of
        a Ray cluster needs a GPU. lost: returns the result of a task whose worker died (on Ray, whose workers died).
        """
        if self.here(tasks):
            yield from ((task, function(task)) for task in tasks)
        elif self.ray is None:
            yield from _side_by_side(self.jobs, function, tasks, lost)
        else:
            from lib.base.ray_workers import on_ray

            yield from on_ray(self.ray, function, tasks, gpu, lost)

    def all(self, function: Callable[[T], R], tasks: Sequence[T], desc: str) -> list[R]:
        """Return `function(task)` for every task, in their order, and show a progress bar of this name."""

        def lost(number: int) -> NoReturn:
            raise CompanionError(
                f"{desc}, {number + 1} of {len(tasks)}: its worker died, often because memory ran out; run again with "
                "a smaller OMP_NUM_THREADS"
            )

        found: dict[int, R] = {}
        work = self.each(partial(_numbered, function, tasks), range(len(tasks)), lost=lost)
        for number, result in progress(work, total=len(tasks), desc=desc):
            found[number] = result
        return [found[number] for number in range(len(tasks))]


def _numbered(function: Callable[[T], R], tasks: Sequence[T], number: int) -> R:
    return function(tasks[number])


HERE = Workers()
"""The workers that are this process alone."""


def _side_by_side(
    jobs: int, function: Callable[[T], R], tasks: Sequence[T], lost: Callable[[T], R]
) -> Iterator[tuple[T, R]]:
    # Processes, not threads: papermill changes the working directory of its process.
    with _shared_cores(jobs):
        pool = start_pool(jobs, _begin, function)
        running = {pool.submit(_do, task): task for task in tasks}
    try:
        for future in as_completed(running):
            task = running[future]
            try:
                result = future.result()
            except BrokenProcessPool:
                result = lost(task)
            yield task, result
    except BaseException:
        for process in active_children():  # they would first finish what they are at
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _shared_cores(jobs: int) -> AbstractContextManager[None]:
    """Give the processes that start within it an equal share of the cores, unless their number of threads is chosen.

    Their kernels inherit it.
    """
    return nullcontext() if os.environ.get(THREADS) else variable(THREADS, str(max(1, cores() // jobs)))


_held: list[Callable[[Any], Any]] = []
"""The function that a process of the pool was started with; empty in every other process."""


def _begin(function: Callable[[Any], Any]) -> None:
    """Prepare a process of the pool. It ignores Ctrl-C, to which its parent process responds."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _held.append(function)


def _do(task: Any) -> Any:
    return _held[0](task)
