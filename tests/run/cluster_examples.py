"""Work that stops in the middle until the test lets it go on; the processes of a Ray cluster import it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from lib.apps.train_dictionaries import Trainer
from lib.base.errors import CompanionError
from lib.encoders.clip import ClipEncoder
from lib.sae.training.train import TrainingRun, train

OPEN = "open"
"""The file that opens a gate, which is a folder."""


def pass_gate(gate: Path) -> None:
    """Leave the number of this process there and wait until it is open."""
    (gate / str(os.getpid())).touch()
    while not (gate / OPEN).exists():
        time.sleep(0.02)


@dataclass(frozen=True, eq=False)
class GatedClip(ClipEncoder):
    """Passes a gate before every batch."""

    gate: Path = Path()

    def encode_pixels(self, pixels: torch.Tensor) -> np.ndarray:
        pass_gate(self.gate)
        return super().encode_pixels(pixels)


@dataclass(frozen=True)
class GatedTrainer(Trainer):
    """Passes a gate at step 25, after a checkpoint at step 20."""

    gate: Path = Path()

    def __call__(self, run) -> str:
        advance = TrainingRun.advance

        def gated(state: TrainingRun):
            if state.step == 25:
                pass_gate(self.gate)
            return advance(state)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TrainingRun, "advance", gated)
            patch.setitem(train.__kwdefaults__, "checkpoint_every", 10)
            return super().__call__(run)


def kills_its_worker(task: int) -> int:
    """Every time, if the task is 1."""
    if task == 1:
        os._exit(1)
    return task**2


def fails(task: int) -> int:
    raise CompanionError(f"{task} is too few")


def surroundings(task: int) -> dict[str, str | None]:
    """What a worker took over from the process that asked."""
    names = ("COMPANION_CACHE", "COMPANION_RESULTS", "COMPANION_QUIET", "OMP_NUM_THREADS")
    return {name: os.environ.get(name) for name in names} | {"threads": str(torch.get_num_threads())}
