"""What the seconds of our TopK training step are spent on, at the points of `train_step`: each part as a share of it.

The bound of `train_step` has the encoder product, a full selection and Adam's update, which no exact step avoids. What
is left is made of products at the selected entries and their gradients, and of passes over all weights.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch

from benchmarks.data import superposition
from benchmarks.rows import Row, rows
from benchmarks.timing import OURS, Timing
from benchmarks.train_step import COMMON, POINTS, QUICK_POINTS, SIZES
from benchmarks.trainers.ours import Ours
from lib.base.progress import progress
from lib.sae.training import train

NAME = "step_parts"
REST = "products at the selected entries, gradients, counts"


def run(quick: bool) -> list[Row]:
    """Rows of every point: the whole step, and its parts."""
    found: list[Row] = []
    for point in progress(QUICK_POINTS if quick else POINTS, desc=NAME):
        sizes = dict(zip(SIZES, point, strict=True))
        found += rows(NAME, sizes, "", measure(sizes, 2 if quick else 15))
    return found


def measure(sizes: dict[str, int], steps: int) -> dict[str, Timing]:
    """Seconds of every step and of its parts, and their shares of the step, without the first two, which allocate."""
    training, timings = begin(sizes), {OURS: Timing()}
    with stopwatch(training) as seconds:
        for step in range(2 + steps):
            seconds.clear()
            began = time.perf_counter()
            training.advance()
            whole = time.perf_counter() - began
            if step >= 2:
                parts = {OURS: whole, **seconds, REST: whole - sum(seconds.values())}
                for part, spent in parts.items():
                    timing = timings.setdefault(part, Timing())
                    timing.seconds.append(spent)
                    timing.ratios.append(spent / whole)
    return timings


def begin(sizes: dict[str, int]) -> train.TrainingRun:
    """A training of one point, as in `train_step`."""
    rows = torch.from_numpy(superposition(max(4096, 4 * sizes["batch"]), sizes["d"], seed=0))
    return Ours({**COMMON, **sizes}, rows, "float32").run


@contextmanager
def stopwatch(training: train.TrainingRun) -> Iterator[Counter[str]]:
    """Count the seconds that a training spends in each part, within the block."""
    seconds: Counter[str] = Counter()
    parts: dict[str, tuple[tuple[Any, str], ...]] = {
        "batch": ((training, "next_batch"),),
        "encoder product": ((training.sae, "scores"),),
        "selection": ((training.sae, "select"),),
        "clipping, unit rows": ((train, "clip_gradients"), (training.sae, "before_step"), (training.sae, "after_step")),
        "Adam": ((training.optimiser, "step"),),
    }

    def timed(part: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            began = time.perf_counter()
            done = work(*arguments)
            seconds[part] += time.perf_counter() - began
            return done

        return run

    places = [(owner, name, part) for part, of_part in parts.items() for owner, name in of_part]
    patches = [mock.patch.object(owner, name, timed(part, getattr(owner, name))) for owner, name, part in places]
    for patch in patches:
        patch.start()
    try:
        yield seconds
    finally:
        for patch in patches:
            patch.stop()
