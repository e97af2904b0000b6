"""Child processes: how they start, and how they end when their parent does."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import forkserver, get_context, parent_process
from multiprocessing.context import BaseContext
from threading import Thread
from typing import Any

THREADS = "OMP_NUM_THREADS"
"""The variable from which numpy and torch read their number of threads when they are loaded."""


def start_pool(processes: int, prepare: Callable[..., None], *given: Any) -> ProcessPoolExecutor:
    """Make a pool whose processes have this one's environment, call `prepare(*given)` first, and end with this one.

    On Linux they are forked from a server, which imports what this process has imported of the library when it makes
    its first pool. That takes seconds once; the processes of all pools then start at once. Elsewhere each process
    imports everything again.
    """
    how = (dict(os.environ), prepare, given)
    return ProcessPoolExecutor(processes, mp_context=_context(), initializer=_begin, initargs=how)


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """Set an environment variable within a block."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _context() -> BaseContext:
    if sys.platform != "linux":  # elsewhere system libraries may not survive a fork
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload([name for name in sys.modules if name.partition(".")[0] == "lib"])
    with variable(THREADS, "1"):  # a server whose libraries have started threads cannot be forked safely
        forkserver.ensure_running()
    return context


def _begin(environment: dict[str, str], prepare: Callable[..., None], given: tuple[Any, ...]) -> None:
    _end_with_parent()
    os.environ.clear()
    os.environ.update(environment)
    torch = sys.modules.get("torch")
    if torch is not None and THREADS in environment:  # loaded in the server, with another number of threads
        torch.set_num_threads(int(environment[THREADS]))
    prepare(*given)


def _end_with_parent() -> None:
    """End this process as soon as its parent process ends, even if the parent is killed."""
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    Thread(target=watch, daemon=True).start()
