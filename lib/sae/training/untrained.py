"""The control that every table needs: a dictionary that was never trained."""

from __future__ import annotations

import torch
from torch import Tensor

from lib.encoders.embeddings import Embeddings
from lib.sae.base import SAE, Dictionary, as_tensor, one_tower
from lib.sae.config import TrainConfig
from lib.sae.training.train import start
from lib.sae.training.training_rows import FEW, Towers


def untrained(config: TrainConfig, embeddings: Embeddings, tower: Towers = "image") -> Dictionary:
    """Return the dictionary from which `train` starts: random decoder rows, and the geometric median as pre-bias.

    A one-tower dictionary with thresholds (BatchTopK, Matryoshka, JumpReLU) gets the one threshold at which it has k
    active latents per row on these embeddings, since sparsity alone raises many scores; if the store fills more than
    one buffer, a sample decides. ReLU has no threshold, and about half of its latents are active. Another kind with a
    threshold is refused.
    """
    sae, rows, scale, generator = start(config, embeddings, tower)
    sae.rescale(scale)
    threshold = getattr(sae, "threshold", None)
    if threshold is not None:
        matrix = rows.sample(FEW, generator) if rows.whole is None else as_tensor(rows.whole)
        threshold.data.fill_(_matching_threshold(one_tower(sae, "an untrained threshold"), matrix))
    return sae.eval()


@torch.no_grad()
def _matching_threshold(sae: SAE, matrix: Tensor, batch: int = 4096) -> float:
    """Find the (k n + 1)-th largest pre-activation of n rows, with k n numbers and one batch in memory at a time."""
    count = sae.config.k * len(matrix) + 1
    best = matrix.new_zeros(0)
    for rows in matrix.split(batch):
        pool = torch.cat([best, sae.pre_activations(rows).flatten()])
        best = pool.topk(min(count, len(pool)), sorted=False).values
    return max(0.0, float(best.min())) if len(best) == count else 0.0
