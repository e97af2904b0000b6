"""dictionary_learning: `TopKTrainer.update`, which is all that its `trainSAE` does in a step without logging."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.trainers.serve import Setting, serve
from lib.encoders.shim import ensure_torchvision

ensure_torchvision()

from dictionary_learning.trainers.top_k import TopKTrainer  # noqa: E402


class DictionaryLearning:
    """Its defaults, except for what all trainers share."""

    def __init__(self, setting: Setting, rows: Tensor) -> None:
        self.trainer = TopKTrainer(
            steps=setting["steps"],
            activation_dim=rows.shape[1],
            dict_size=setting["width"],
            k=setting["k"],
            layer=0,
            lm_name="none",
            lr=setting["lr"],
            warmup_steps=setting["warmup"],
            decay_start=setting["steps"] - setting["decay"] if setting["decay"] else None,
            seed=setting["seed"],
            device="cpu",
        )
        self.trainer.dead_feature_threshold = setting["dead_after"]  # 10 million rows; no argument sets it
        self.taken = 0

    def step(self, x: Tensor) -> None:
        """One update; its first one also finds the pre-bias."""
        self.trainer.update(self.taken, x)
        self.taken += 1

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        """Rows (n, d) from rows (n, d), by the k largest as in training."""
        return self.trainer.ae(x)


if __name__ == "__main__":
    serve(DictionaryLearning, "dictionary-learning", "nnsight")
