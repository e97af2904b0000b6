"""The loop that every trainer runs in its own process: orders come as JSON lines, answers go back as JSON lines.

Peers run in another environment than the companion, so this file needs only torch and numpy.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

Setting = dict[str, Any]
"""data: .npy of float32 rows of mean squared norm 1. width, k, batch, steps (of the whole run), lr, warmup and decay
(numbers of steps, at the start and at the end), dead_after (rows without firing that make a latent dead), seed,
threads."""


class Trainer(Protocol):
    """A TopK dictionary in float32 on the CPU, with its optimiser and its count of dead latents."""

    def step(self, x: Tensor) -> None:
        """One optimiser step on rows (batch, d)."""

    def reconstruct(self, x: Tensor) -> Tensor:
        """Rows (n, d) from rows (n, d)."""


def serve(make: Callable[[Setting, Tensor], Trainer], *packages: str) -> None:
    """Answer orders until the input ends. make: a trainer from a setting and its rows. packages: those that it uses."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # the output of packages must not mix with the answers

    def answer(value: Any) -> None:
        answers.write(json.dumps(value) + "\n")

    answer({package: importlib.metadata.version(package) for package in ("torch", *packages)})
    for line in sys.stdin:
        order = json.loads(line)
        if setting := order.get("open"):
            torch.set_num_threads(setting["threads"])
            torch.manual_seed(setting["seed"])
            rows = torch.from_numpy(np.load(setting["data"]))
            trainer, batches = make(setting, rows), shuffled(rows, setting["batch"], setting["seed"])
            answer("open")
        elif steps := order.get("steps"):
            answer([timed(trainer, next(batches)) for _ in range(steps)])
        else:
            rows = torch.from_numpy(np.load(order["rows"]))
            np.save(order["to"], trainer.reconstruct(rows).detach().numpy())
            answer("written")


def schedule(step: int, setting: Setting) -> float:
    """Return the factor of the learning rate at a step, from 0: linear warm-up, constant, linear decay."""
    up, down = max(1, setting["warmup"]), max(1, setting["decay"])
    return min(1.0, (step + 1) / up, (setting["steps"] - step) / down)


def timed(trainer: Trainer, x: Tensor) -> float:
    """Time one step on a ready batch, in seconds."""
    start = time.perf_counter()
    trainer.step(x)
    return time.perf_counter() - start


def shuffled(rows: Tensor, batch: int, seed: int) -> Iterator[Tensor]:
    """Batches of epoch after epoch, each in a new order; what does not fill a batch is left out."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        for chosen in torch.randperm(len(rows), generator=generator).split(batch):
            if len(chosen) == batch:
                yield rows[chosen]
