"""The companion's trainer: one `advance` per step, as in `lib.sae.training.train`, without history and checkpoints.

It draws, gathers and scales its batch itself, on the clock; the other trainers get theirs ready. With the argument
`bf16` it selects in bfloat16, weights and values staying float32.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from torch import Tensor

from benchmarks.trainers.serve import Setting, serve
from lib.encoders.embeddings import Embeddings
from lib.sae.config import SAEConfig, TrainConfig
from lib.sae.training.train import TrainingRun


class Ours:
    """A run of the companion's trainer."""

    def __init__(self, setting: Setting, rows: Tensor, precision: str) -> None:
        ids = np.arange(len(rows)).astype(str)
        embeddings = Embeddings(ids, rows.numpy(), None, "superposition", False, {"made": "for benchmarks"})
        config = TrainConfig(
            SAEConfig("topk", setting["width"], setting["k"]),
            steps=setting["steps"],
            batch=setting["batch"],
            lr=setting["lr"],
            warmup=setting["warmup"] / setting["steps"],
            decay=setting["decay"] / setting["steps"],
            dead_after=setting["dead_after"],
            seed=setting["seed"],
            precision=precision,
            log_every=0,
        )
        self.run = TrainingRun(config, embeddings, "image", "cpu")

    def step(self, x: Tensor) -> None:
        """The next step of the run."""
        self.run.advance()

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        """Through the scale that the run divides its data by."""
        return self.run.sae(x / self.run.scale) * self.run.scale


if __name__ == "__main__":
    serve(lambda setting, rows: Ours(setting, rows, "bf16" if "bf16" in sys.argv else "float32"))
