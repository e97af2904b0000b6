"""Seconds of one core per training step and masker, where the maskers of several seeds make it together.

`ours` is a training alone, the others are several stacked seeds (`lib.editing.stacked_maskers`), with the seconds of a
step divided by their number: below 1 times ours, stacking wins. All run on one thread, as the trainings of a notebook
do. The sizes are those of paper 4's worlds: known atoms, and scenes.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from benchmarks.rows import Row, rows
from benchmarks.stacked_seeds import SEEDS, pairs, turn
from benchmarks.timing import interleaved
from lib.base.progress import progress
from lib.editing.masker import MaskerConfig
from lib.editing.stacked_maskers import StackedMaskers
from lib.editing.train_masker import MaskerRun, SharedImages
from lib.papers.p4.settings import EDITS
from lib.sae.base import one_tower
from lib.sae.config import SAEConfig, TrainConfig
from lib.sae.training.untrained import untrained

NAME = "stacked_maskers"
ARMS = ("masker", "masker + text", "text only", "constant mask", "dimension mask")
SIZES = ((48, 144, 12, 4000), (128, 384, 12, 20_000))
"""Dimensions, latents, active latents and pairs."""
QUICK_SIZES = ((16, 32, 4, 100),)


def run(quick: bool) -> list[Row]:
    """Rows of every arm and size: a training alone, and so many seeds together."""
    found: list[Row] = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for size in progress(QUICK_SIZES if quick else SIZES, desc=NAME):
        for arm in ARMS:
            found += measure(arm, size, 2 if quick else 7, 1 if quick else 20)
    torch.set_num_threads(threads)
    return found


def measure(arm: str, size: tuple[int, int, int, int], rounds: int, steps: int) -> list[Row]:
    """One arm: turns of `steps` steps, alone and together."""
    d, width, k, n = size
    data = pairs(n, d).unit()

    def runs(count: int) -> list[MaskerRun]:
        return [masker_run(replace(EDITS[arm], batch=128, seed=seed)) for seed in range(count)]

    def masker_run(config: MaskerConfig) -> MaskerRun:
        sae = one_tower(untrained(TrainConfig(SAEConfig("topk", width, k), seed=config.seed), data), NAME)
        return MaskerRun(config, sae, [data], None, SharedImages(sae, [data], None))

    alone = turn(runs(1)[0].advance, 1, steps)
    together = {f"{count} seeds": turn(StackedMaskers(runs(count)).advance, count, steps) for count in SEEDS}
    sizes: dict[str, int | str] = {"arm": arm, "d": d, "width": width, "pairs": n, "batch": 128}
    return rows(NAME, sizes, "", interleaved(alone, together, rounds))
