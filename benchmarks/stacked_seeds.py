"""Seconds of one core per training step and seed, where several seeds make it together, for growing widths.

`ours` is a training alone, the others are several stacked seeds (`lib.sae.training.stacked_run`), with the seconds of a
step divided by their number: below 1 times ours, stacking wins. All run on one thread, since the trainings of a
notebook share the cores as processes of one thread each. The sizes are those of the notebooks: one tower with many rows
per batch, pairs with few, the controlled vectors of paper 3, and CLIP's pairs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from benchmarks.data import superposition
from benchmarks.rows import Row, rows
from benchmarks.timing import Turn, interleaved
from lib.base.progress import progress
from lib.encoders.embeddings import Embeddings
from lib.sae.config import PairedConfig, SAEConfig, TrainConfig, TwoTowerConfig
from lib.sae.recipes import RECIPES
from lib.sae.training.stacked_run import StackedRun
from lib.sae.training.train import TrainingRun

NAME = "stacked_seeds"
SEEDS = (3, 5, 8)
SHAPES = (
    ("topk", 128, 8, 512),
    ("matryoshka", 128, 8, 512),
    ("vl_sae", 128, 8, 128),
    ("gsae", 32, 6, 128),
    ("gsae", 512, 16, 64),
)
"""Recipe, dimensions, k and rows or pairs per batch."""
WIDTHS = (128, 256, 512, 1024, 2048, 4096)
QUICK_SHAPES, QUICK_WIDTHS = (("topk", 16, 2, 32), ("vl_sae", 16, 2, 16)), (32, 64)


def run(quick: bool) -> list[Row]:
    """Rows of every shape and width: a training alone, and so many seeds together."""
    found: list[Row] = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    shapes, widths = (QUICK_SHAPES, QUICK_WIDTHS) if quick else (SHAPES, WIDTHS)
    for shape in progress(shapes, desc=NAME):
        for width in widths:
            found += measure(*shape, width, 2 if quick else 5, 1 if quick else 4)
    torch.set_num_threads(threads)
    return found


def measure(recipe: str, d: int, k: int, batch: int, width: int, rounds: int, steps: int) -> list[Row]:
    """One shape: turns of `steps` steps, alone and together."""
    config = training(recipe, width, k, batch)
    data = pairs(max(4096, 4 * batch), d)
    tower = "image" if RECIPES[recipe].kind == "one-tower" else ("image", "text")

    def runs(count: int) -> list[TrainingRun]:
        return [TrainingRun(config(seed), data, tower, "cpu") for seed in range(count)]

    alone = turn(runs(1)[0].advance, 1, steps)
    together = {f"{count} seeds": turn(StackedRun(runs(count)).advance, count, steps) for count in SEEDS}
    sizes = {"recipe": recipe, "d": d, "width": width, "k": k, "batch": batch}
    return rows(NAME, sizes, "width", interleaved(alone, together, rounds))


def training(recipe: str, width: int, k: int, batch: int) -> Callable[[int], TrainConfig]:
    """The configuration of a recipe by seed."""
    kinds = {"one-tower": SAEConfig, "two-tower": TwoTowerConfig, "paired": partial(PairedConfig, penalty=0.1)}
    sae = kinds[RECIPES[recipe].kind](recipe, width, k)
    return lambda seed: TrainConfig(sae, 100_000, batch, 1e-3, dead_after=10_000_000, seed=seed, log_every=0)


def pairs(n: int, d: int) -> Embeddings:
    """Rows of two towers."""
    image, text = (superposition(n, d, seed) for seed in (0, 1))
    return Embeddings(np.arange(n).astype(str), image, text, "superposition", False, {"made": "for benchmarks"})


def turn(step: Callable[[], object], seeds: int, steps: int) -> Turn:
    """A turn that gives the processor seconds of a step for each of the seeds that make it; the first is left out."""

    def run() -> float:
        step()
        began = time.process_time()
        for _ in range(steps):
            step()
        return (time.process_time() - began) / steps / seeds

    return run
