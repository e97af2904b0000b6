"""Training of many dictionaries: side by side, one thread each, as their steps are too small for more to help."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

import torch
from joblib import Parallel, delayed

from lib.data.files import cache_root, in_cache
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
    waiting = (run for run in runs if not in_cache(KIND, run_key(*run)))
    parallel = Parallel(processes, return_as="generator_unordered", max_nbytes=None)  # embeddings are small: no files
    work = parallel(delayed(_train)(str(cache_root()), *run) for run in waiting)
    for _ in progress(work, desc=f"training, {processes} at a time"):
        pass


def _train(cache: str, config: TrainConfig, embeddings: Embeddings, tower: Towers) -> None:
    """In a process of its own, which may serve several callers: one thread, and no bar among the others' bars."""
    os.environ |= {"COMPANION_CACHE": cache, "COMPANION_QUIET": "1"}
    torch.set_num_threads(1)
    train_cached(config, embeddings, tower)
