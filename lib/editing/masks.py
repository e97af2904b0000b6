"""Masks that are not learnt from captions, or deliberately spoilt: the controls of text-conditioned editing."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lib.base.errors import CompanionError
from lib.sae.base import SAE, as_tensor, one_tower


def exchange_masks(masks: Tensor, rng: np.random.Generator) -> Tensor:
    """Give every mask to another caption, to measure what a mask does without its meaning."""
    if len(masks) < 2:
        raise CompanionError(f"{len(masks)} masks cannot be exchanged; give at least 2")
    order = rng.permutation(len(masks))
    exchanged = np.empty(len(masks), np.int64)
    exchanged[order] = np.roll(order, 1)
    return masks[torch.from_numpy(exchanged)]


def shuffle_latents(masks: Tensor, rng: np.random.Generator) -> Tensor:
    """Assign each caption's mask values to other latents at random: a random mask of the same density."""
    order = rng.permuted(np.tile(np.arange(masks.shape[1]), (len(masks), 1)), axis=1)
    return masks.gather(1, torch.from_numpy(order))


def hard_masks(masks: Tensor, kept: int) -> Tensor:
    """Set the `kept` largest entries of each mask to 1 and the rest to 0; for analysis, as training uses soft masks."""
    if not 1 <= kept <= masks.shape[1]:
        raise CompanionError(f"{kept} of {masks.shape[1]} latents kept; give 1 to {masks.shape[1]}")
    return torch.zeros_like(masks).scatter(1, masks.topk(kept, dim=1).indices, 1.0)


@torch.no_grad()
def caption_code_masks(sae: SAE, texts: np.ndarray, text_mean: np.ndarray, image_mean: np.ndarray) -> Tensor:
    """Make masks (m, width) that are 1 for the latents that a caption itself activates and 0 elsewhere, untrained.

    The captions (m, d) are moved by the difference of the modalities' means over training rows, and encoded by the
    dictionary of images. SpLiCE (NeurIPS 2024) also centres, and keeps the concepts in a sparse code; its code is a
    lasso over words, ours is the dictionary's own.
    """
    shifted = as_tensor(texts + (image_mean - text_mean)).to(sae.W_dec.device)
    code = one_tower(sae, "a mask").encode(shifted)
    masks = torch.zeros(len(shifted) * sae.width, device=shifted.device)
    masks[code.pattern.positions] = 1.0
    return masks.view(len(shifted), sae.width)
