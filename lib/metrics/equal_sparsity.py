"""One threshold for a whole set of images: dictionaries compared at exactly the same sparsity.

The threshold that BatchTopK learns leaves a little more or less than K active latents on unseen images, and one that
leaves more reconstructs better for that reason alone.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch

from lib.encoders.embeddings import Embeddings
from lib.metrics.fidelity import fidelity
from lib.sae.base import SAE, as_tensor
from lib.sae.models.batch_topk import BatchTopKSelection

ROWS = 1024
"""Images whose pre-activations are in memory at once."""


class Equalised(NamedTuple):
    """A dictionary under another threshold than its own."""

    l0: float
    """Active latents per image with the k * n largest pre-activations of the set."""
    r2: float
    """R2 of the reconstruction from these."""
    l0_free: float
    """Active latents per image without any threshold: all positive pre-activations."""


def equalised(sae: SAE, embeddings: Embeddings, k: int) -> Equalised:
    """Select the k * n largest pre-activations over all n images; for dictionaries of the BatchTopK family."""
    assert isinstance(sae, BatchTopKSelection)
    kept, positive = largest_pre_activations(sae, embeddings, k * len(embeddings))
    other = copy.deepcopy(sae)
    below = torch.nextafter(kept.min(), torch.tensor(-torch.inf))  # a latent is active above the threshold, not at it
    other.threshold.copy_(below.clamp(min=0))
    codes = other.codes(embeddings)
    r2 = fidelity(embeddings.tower("image"), other.reconstruct(codes)).r2
    return Equalised(len(codes.values) / len(codes), r2, positive / len(codes))


@torch.no_grad()
def largest_pre_activations(sae: SAE, embeddings: Embeddings, count: int) -> tuple[torch.Tensor, int]:
    """Return the `count` largest pre-activations over all images, in any order, and the number of positive ones."""
    kept, positive = torch.empty(0), 0
    for rows in as_tensor(embeddings.tower("image")).split(ROWS):
        pre = sae.pre_activations(rows.to(sae.W_dec.device)).flatten().cpu()
        pre = pre[pre > 0]
        positive += len(pre)
        if len(kept) == count:
            pre = pre[pre > kept.min()]  # few are left, so that the selection below is short
        kept = torch.cat([kept, pre])
        kept = kept.topk(min(count, len(kept)), sorted=False).values
    return kept, positive
