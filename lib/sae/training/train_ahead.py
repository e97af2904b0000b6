"""Train many dictionaries: seeds of one recipe together, and groups of them in parallel with one thread each.

The steps of one dictionary are too small for more threads to help. The results are those of `train_cached`, up to
rounding.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import replace
from typing import NamedTuple

import torch
from tqdm import tqdm

from lib.base.children import start_pool
from lib.base.errors import CompanionError
from lib.base.files import cache_folder, damage, digest, in_cache, lock
from lib.base.progress import progress
from lib.encoders.embeddings import Embeddings
from lib.sae.config import TrainConfig
from lib.sae.parallel import size
from lib.sae.recipes import recipe_of
from lib.sae.training.stacked_run import STACKABLE, train_stacked
from lib.sae.training.train import KIND, TrainingRun, run_key, train_cached
from lib.sae.training.training_rows import Towers

MOST = 8
"""Largest number of processes; each takes about half a gigabyte."""

MOST_TOGETHER, MOST_PRE_ACTIVATIONS, MOST_WEIGHTS = 8, 2**22, 2**21
"""Largest number of trainings that share their steps, and of pre-activations and encoder weights of such a step. More
trainings gain little, and a step that fills the processor's cache loses the gain (`benchmarks/stacked_seeds.py`).
"""


class Run(NamedTuple):
    """The arguments of `train_cached`."""

    config: TrainConfig
    embeddings: Embeddings
    tower: Towers = "image"


def train_ahead(runs: Iterable[Run], device: str = "cpu") -> None:
    """Train what the cache does not have, so that `train_cached` finds it there.

    Neighbours among the runs that differ only in their seed make their steps together (`StackedRun`). As many groups
    run at a time as this process may use threads (`OMP_NUM_THREADS`). With one thread, only groups are trained here,
    and on a GPU nothing is; the rest is left to `train_cached`. After an interrupt, finished runs are kept and the
    others continue from their checkpoints.
    """
    processes = min(torch.get_num_threads(), MOST)
    if device != "cpu" or size() > 1:
        return
    if processes == 1:
        for group in groups(runs, 1):
            if len(group) > 1:
                _train(group)
        return
    with (
        start_pool(processes, _begin) as pool,
        progress(desc=f"training, {processes} at a time") as bar,
    ):
        running: set[Future[int]] = set()
        for group in groups(runs, processes):
            running.add(pool.submit(_train, group))
            if len(running) > processes:  # so that memory holds the embeddings of only a few runs
                running = _collect(running, FIRST_COMPLETED, bar)
        _collect(running, ALL_COMPLETED, bar)


def groups(runs: Iterable[Run], processes: int) -> Iterator[list[Run]]:
    """Yield the runs that the cache lacks, in order, with neighbours that can be trained together as one list.

    Similar runs are divided so that no process is idle.
    """
    for alike in neighbours(_missing(runs), processes):
        yield from _shares(alike, processes)


def neighbours(runs: Iterable[Run], processes: int = 1) -> Iterator[list[Run]]:
    """Yield lists of neighbours that can be trained together, each as long as `processes` processes have room for."""
    alike: list[Run] = []
    for run in runs:
        if alike and (len(alike) == room(alike[0]) * processes or not can_join(run, alike[0])):
            yield alike
            alike = []
        alike.append(run)
    if alike:
        yield alike


def can_join(run: Run, other: Run) -> bool:
    """True if two runs differ only in seed and in rows of equal shape, and their recipe can be stacked."""
    if recipe_of(run.config.sae).kind == "one-tower" and run.config.sae.recipe not in STACKABLE:
        return False
    return replace(run.config, seed=other.config.seed) == other.config and _shapes(run) == _shapes(other)


def room(run: Run) -> int:
    """Return how many trainings like this one may make their steps together."""
    shapes, width = _shapes(run), run.config.sae.width
    rows = min(run.config.batch, len(run.embeddings)) * len(shapes)
    d = shapes[0][1]
    return max(1, min(MOST_TOGETHER, MOST_PRE_ACTIVATIONS // (rows * width), MOST_WEIGHTS // (width * d)))


def _shapes(run: Run) -> list[tuple[int, ...]]:
    towers = run.tower if isinstance(run.tower, tuple) else (run.tower,)
    return [run.embeddings.tower(one).shape for one in towers]


def _missing(runs: Iterable[Run]) -> Iterator[Run]:
    """Yield each run that the cache does not have, once."""
    known: set[str] = set()
    for run in runs:
        key = run_key(*run)
        if digest(key) not in known and not in_cache(KIND, key):
            known.add(digest(key))
            yield run


def _shares(alike: list[Run], processes: int) -> Iterator[list[Run]]:
    parts = max(1, min(len(alike), processes))
    for part in range(parts):
        if share := alike[part * len(alike) // parts : (part + 1) * len(alike) // parts]:
            yield share


def _collect(running: set[Future[int]], when: str, bar: tqdm) -> set[Future[int]]:
    done, rest = wait(running, return_when=when)
    try:
        for future in done:
            bar.update(future.result())
    except BrokenProcessPool:
        raise CompanionError(
            "a training process was killed, often because memory ran out; run again with a smaller OMP_NUM_THREADS; "
            "finished trainings are kept"
        ) from None
    return rest


def _begin() -> None:
    """Prepare a training process: one thread, and no progress bar among those of the others."""
    os.environ["COMPANION_QUIET"] = "1"
    torch.set_num_threads(1)


def _train(group: Sequence[Run]) -> int:
    """Train a group and return its size. Its steps end in checkpoints, from which `train_cached` makes the results."""
    if len(group) > 1:
        _make_steps(group)
    for run in group:
        train_cached(*run)
    return len(group)


def _make_steps(group: Sequence[Run]) -> None:
    """Make the steps of runs together, if other processes have not finished them and they continue from one step."""
    folders = {cache_folder(KIND, run_key(*run)): run for run in group}
    with ExitStack() as locks:
        for folder in sorted(folders):
            locks.enter_context(lock(folder))
        left = {folder: TrainingRun(*run, "cpu") for folder, run in folders.items() if damage(folder) == ""}
        for folder, run in left.items():
            folder.mkdir(parents=True, exist_ok=True)
            run.restore(folder)
        if len({run.step for run in left.values()}) == 1:
            train_stacked(list(left.values()), list(left))
