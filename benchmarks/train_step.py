"""Seconds of one TopK training step, with optimiser and dead-latent accounting, at three sizes and for growing ones.

No latent is dead in the timed steps (`dead_after` is the 10 million rows of published runs), so no trainer pays for
AuxK, but all pay for the counting. Peers and references get their batches ready; ours gathers and scales on the clock.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from benchmarks.contender import BOUND, DENSE, OURS, OURS_BF16, PEERS, Contender, start
from benchmarks.data import superposition
from benchmarks.rows import Row, rows
from benchmarks.timing import interleaved
from lib.base.progress import progress

NAME = "train_step"
SIZES = ("d", "width", "k", "batch")
POINTS = [(512, 4096, 32, 2048), (768, 6144, 32, 2048), (512, 16384, 32, 1024)]
CENTRE = (512, 4096, 32, 1024)
GROWTH = {"width": (1024, 2048, 4096, 8192, 16384), "k": (8, 16, 32, 64, 128), "batch": (256, 512, 1024, 2048, 4096)}
QUICK_POINTS = [(32, 128, 4, 64)]
QUICK_CENTRE = (16, 64, 4, 32)
QUICK_GROWTH = {"width": (32, 64), "k": (2, 4), "batch": (16, 32)}

COMMON = {"steps": 100_000, "lr": 1e-4, "warmup": 1000, "decay": 0, "dead_after": 10_000_000, "seed": 0}


def settings(quick: bool) -> Iterator[tuple[str, dict[str, int]]]:
    """The varied size and its values: first the points, then every growth."""
    for point in QUICK_POINTS if quick else POINTS:
        yield "", dict(zip(SIZES, point, strict=True))
    centre = dict(zip(SIZES, QUICK_CENTRE if quick else CENTRE, strict=True))
    for varies, values in (QUICK_GROWTH if quick else GROWTH).items():
        for value in values:
            yield varies, centre | {varies: value}


def run(quick: bool) -> list[Row]:
    """Rows of every setting: ours, dense torch, the peers that are installed, the bound."""
    found: list[Row] = []
    with ExitStack() as stack:
        running, missing = start([OURS, OURS_BF16, DENSE, *PEERS, BOUND], stack)
        for varies, sizes in progress(list(settings(quick)), desc=NAME):
            rounds, steps = (2, 1) if quick else (3, 1) if varies else (7, 2)
            found += measure(running, varies, sizes, rounds, steps)
            if not varies:
                found += [Row(NAME, dict(sizes), varies, who, note=note) for who, note in missing.items()]
    return found


def measure(running: Mapping[str, Contender], varies: str, sizes: dict[str, int], rounds: int, steps: int) -> list[Row]:
    """All contenders at one setting, taking turns of `steps` steps."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "rows.npy"
        np.save(data, superposition(max(4096, 4 * sizes["batch"]), sizes["d"], seed=0))
        for contender in running.values():
            contender.open({**COMMON, **sizes, "data": str(data)})
            contender.step(2)  # the first steps allocate
    turns = {who: lambda contender=contender: contender.turn(steps) for who, contender in running.items()}
    return rows(NAME, sizes, varies, interleaved(turns.pop(OURS), turns, rounds))
