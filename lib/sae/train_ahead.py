"""Training of many dictionaries: side by side, one thread each, as their steps are too small for more to help."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import NamedTuple

import torch
from tqdm import tqdm

from lib.data.children import end_with_parent
from lib.data.errors import CompanionError
from lib.data.files import in_cache
from lib.data.progress import progress
from lib.encoders.embeddings import Embeddings
from lib.sae.config import TrainConfig
from lib.sae.train import KIND, Towers, run_key, train_cached

MOST = 8
"""Processes at most; each takes about half a gigabyte."""


class Run(NamedTuple):
    """What `train_cached` takes."""

    config: TrainConfig
    embeddings: Embeddings
    tower: Towers = "image"


def train_ahead(runs: Iterable[Run], device: str = "cpu") -> None:
    """Train what the cache does not have, so that `train_cached` finds it there.

    As many go on at once as this process may use threads (`OMP_NUM_THREADS`); with one thread, or on a GPU, they are
    left to `train_cached`. When interrupted, the finished ones stay and the others go on from their checkpoints.
    """
    processes = min(torch.get_num_threads(), MOST)
    if processes == 1 or device != "cpu":
        return
    with (
        ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_begin) as pool,
        progress(desc=f"training, {processes} at a time") as bar,
    ):
        running: set[Future[None]] = set()
        for run in runs:
            if in_cache(KIND, run_key(*run)):
                continue
            running.add(pool.submit(_train, *run))
            if len(running) > processes:  # so that the embeddings of few runs are in memory
                running = _collect(running, FIRST_COMPLETED, bar)
        _collect(running, ALL_COMPLETED, bar)


def _collect(running: set[Future[None]], when: str, bar: tqdm) -> set[Future[None]]:
    done, rest = wait(running, return_when=when)
    try:
        for future in done:
            future.result()
            bar.update()
    except BrokenProcessPool:
        raise CompanionError(
            "a training process was killed, often because memory ran out; run again with a smaller OMP_NUM_THREADS, "
            "and what was trained is kept"
        ) from None
    return rest


def _begin() -> None:
    """In a training process: one thread, and no bar among the others' bars."""
    end_with_parent()
    os.environ["COMPANION_QUIET"] = "1"
    torch.set_num_threads(1)


def _train(config: TrainConfig, embeddings: Embeddings, tower: Towers) -> None:
    train_cached(config, embeddings, tower)
