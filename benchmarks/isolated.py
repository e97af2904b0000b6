"""Run work in a fresh process, so that its peak memory can be measured."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

Work = Callable[[], Any]

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["torch", "scipy.sparse", "lib.metrics.monosemanticity", "lib.metrics.uniqueness"])
"""New processes branch off a server that has imported this and done nothing, so that none has to import it again."""


class Isolated:
    """A turn that calls `prepare(*arguments)`, a function of a module, in a new process and times the work it returns.

    peak_mib: most memory that one of the processes so far held at once, its input, Python and torch included.
    """

    def __init__(self, prepare: Callable[..., Work], *arguments: Any) -> None:
        self.prepare, self.arguments = prepare, arguments
        self.peak_mib = 0.0

    def __call__(self) -> float:
        with ProcessPoolExecutor(1, CONTEXT) as pool:
            seconds, peak = pool.submit(_measure, self.prepare, self.arguments).result()
        self.peak_mib = max(self.peak_mib, peak)
        return seconds


def _measure(prepare: Callable[..., Work], arguments: tuple[Any, ...]) -> tuple[float, float]:
    work = prepare(*arguments)
    start = time.perf_counter()
    work()
    return time.perf_counter() - start, peak_mib()


def peak_mib() -> float:
    """Most memory that this process held at once.

    Of Linux's own record, and not of `getrusage`, whose number a child takes over from the process that started it.
    """
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024
