"""SAELens: `SAETrainer.step` on a `TopKTrainingSAE`, as its own `fit` calls it; no wandb, no checkpoints, no bar.

It uses SAELens's defaults, except for what all trainers share (rate, warm-up, rule for dead latents, unit decoder
rows).
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor

from benchmarks.trainers.serve import Setting, serve
from lib.encoders.shim import ensure_torchvision

ensure_torchvision()

from sae_lens import TopKTrainingSAE, TopKTrainingSAEConfig  # noqa: E402
from sae_lens.config import LoggingConfig, SAETrainerConfig  # noqa: E402
from sae_lens.training.sae_trainer import SAETrainer  # noqa: E402


class SAELens:
    """Its dense path by default; with `sparse`, its COO path, which it recommends for small k in float32.

    The COO path cannot rescale by the norms of decoder rows: torch 2.13 lacks that gradient on the CPU.
    """

    def __init__(self, setting: Setting, rows: Tensor, sparse: bool = False) -> None:
        config = TopKTrainingSAEConfig(
            d_in=rows.shape[1],
            d_sae=setting["width"],
            k=setting["k"],
            use_sparse_activations=sparse,
            rescale_acts_by_decoder_norm=not sparse,
            decoder_init_norm=1.0,
            dtype="float32",
            device="cpu",
        )
        training = SAETrainerConfig(
            total_training_samples=setting["steps"] * setting["batch"],
            train_batch_size_samples=setting["batch"],
            lr=setting["lr"],
            lr_end=setting["lr"],
            lr_warm_up_steps=setting["warmup"],
            lr_decay_steps=setting["decay"],
            dead_feature_window=setting["dead_after"] // setting["batch"],
            device="cpu",
            logger=LoggingConfig(log_to_wandb=False),
        )
        self.trainer = SAETrainer(training, TopKTrainingSAE(config), data_provider=iter(()))

    def step(self, x: Tensor) -> None:
        """The two lines of `fit` that train."""
        self.trainer.step(x)
        self.trainer.n_training_steps += 1

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        """Rows (n, d) from rows (n, d)."""
        return self.trainer.sae(x)


if __name__ == "__main__":
    serve(lambda setting, rows: SAELens(setting, rows, sparse="sparse" in sys.argv), "sae-lens", "transformer-lens")
