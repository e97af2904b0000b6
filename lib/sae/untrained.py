"""The control that every table needs: a dictionary that was never trained."""

from __future__ import annotations

import torch

from lib.encoders.embeddings import Embeddings, Tower
from lib.sae.base import SAE, as_tensor
from lib.sae.config import TrainConfig
from lib.sae.train import start


def untrained(config: TrainConfig, embeddings: Embeddings, tower: Tower = "image") -> SAE:
    """The dictionary that `train` starts from: random decoder rows, the geometric median as pre-bias.

    A dictionary with thresholds (BatchTopK, Matryoshka, JumpReLU) gets the one threshold at which it has k active
    latents a row on these embeddings, as sparsity alone raises many scores. ReLU has none, and about half are active.
    """
    sae, scale, _ = start(config, embeddings, tower)
    sae.rescale(scale)
    threshold = getattr(sae, "threshold", None)
    if threshold is not None:
        threshold.data.fill_(_matching_threshold(sae, embeddings, tower))
    return sae.eval()


@torch.no_grad()
def _matching_threshold(sae: SAE, embeddings: Embeddings, tower: Tower, batch: int = 4096) -> float:
    """The (k n + 1)-th largest pre-activation of n rows; keeps k n numbers at a time beside one batch."""
    matrix = as_tensor(embeddings.tower(tower))
    count = sae.config.k * len(matrix) + 1
    best = matrix.new_zeros(0)
    for rows in matrix.split(batch):
        pool = torch.cat([best, sae.pre_activations(rows).flatten()])
        best = pool.topk(min(count, len(pool)), sorted=False).values
    return max(0.0, float(best.min())) if len(best) == count else 0.0
