"""Tasks spread over processes of this machine or over a Ray cluster, with the results of a plain loop.

A task is an idempotent unit of work: what it makes lies in the cache or under `results/`, folders that all workers
share, and what it gives back is small. So it does not matter who does it, when, or how often.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence, Sized
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import active_children, get_context
from typing import Any, NoReturn, TypeVar

from lib.data.children import end_with_parent
from lib.data.errors import CompanionError

T = TypeVar("T")
R = TypeVar("R")


def refuse(task: Any) -> NoReturn:
    """The usual answer to a task whose worker died."""
    raise CompanionError(
        f"{task}: its worker died, often because memory ran out; what is finished is kept, and the same call goes on"
    )


@dataclass(frozen=True)
class Workers:
    """Who does tasks: this process (the default), `jobs` processes of this machine, or a Ray cluster.

    ray: the address of a cluster, "HOST:PORT" or "auto"; "local" starts one on this machine.
    """

    jobs: int = 1
    ray: str | None = None

    def __post_init__(self) -> None:
        if self.jobs > 1 and self.ray is not None:
            raise CompanionError(
                f"{self.jobs} processes of this machine and a Ray cluster; give --jobs or --ray, not both"
            )

    def here(self, tasks: Sized) -> bool:
        """Whether `each` does these tasks one after another in this process."""
        return len(tasks) == 0 or (self.ray is None and (self.jobs == 1 or len(tasks) == 1))

    def each(
        self, function: Callable[[T], R], tasks: Sequence[T], *, gpu: bool = False, lost: Callable[[T], R] = refuse
    ) -> Iterator[tuple[T, R]]:
        """Every task with `function(task)`, as they end; an error of a task is raised as it is and ends the others.

        function: may be pickled; a worker gets it once, so it may hold a model. gpu: each worker of a Ray cluster needs
        a GPU. lost: gives what stands for the result of a task whose worker died; on Ray, whose workers died.
        """
        if self.here(tasks):
            yield from ((task, function(task)) for task in tasks)
        elif self.ray is None:
            yield from _side_by_side(self.jobs, function, tasks, lost)
        else:
            from lib.data.ray_workers import on_ray

            yield from on_ray(self.ray, function, tasks, gpu, lost)


HERE = Workers()
"""This process alone."""


def _side_by_side(
    jobs: int, function: Callable[[T], R], tasks: Sequence[T], lost: Callable[[T], R]
) -> Iterator[tuple[T, R]]:
    # Processes, not threads: papermill changes the working directory of its process.
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_begin, initargs=(function,))
    try:
        with _shared_cores(jobs):
            running = {pool.submit(_do, task): task for task in tasks}
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


@contextmanager
def _shared_cores(jobs: int) -> Iterator[None]:
    """Processes that start within it get an equal share of the cores, unless OMP_NUM_THREADS says how many.

    It is read when torch is loaded, so it must be there before they start; kernels that they start inherit it.
    """
    chosen = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = chosen or str(max(1, (os.cpu_count() or 1) // jobs))
    try:
        yield
    finally:
        if chosen is None:
            del os.environ["OMP_NUM_THREADS"]


_held: list[Callable[[Any], Any]] = []
"""In a process of the pool: the function that it was started with."""


def _begin(function: Callable[[Any], Any]) -> None:
    """In a process of the pool: Ctrl-C reaches it, too, and the one that waits for it answers."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _held.append(function)


def _do(task: Any) -> Any:
    return _held[0](task)
