"""Masks that no training on captions made, or that were spoilt on purpose: the controls of text-conditioned editing."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lib.data.errors import CompanionError
from lib.sae.base import SAE, as_tensor


def other_captions(masks: Tensor, rng: np.random.Generator) -> Tensor:
    """The same masks given to other captions, none to its own: what a mask does without its meaning."""
    if len(masks) < 2:
        raise CompanionError(f"{len(masks)} masks cannot be exchanged; give at least 2")
    order = rng.permutation(len(masks))
    exchanged = np.empty(len(masks), np.int64)
    exchanged[order] = np.roll(order, 1)
    return masks[torch.from_numpy(exchanged)]


def shuffled_latents(masks: Tensor, rng: np.random.Generator) -> Tensor:
    """Each caption's mask values dealt to other latents at random: a random mask of the same density."""
    order = rng.permuted(np.tile(np.arange(masks.shape[1]), (len(masks), 1)), axis=1)
    return masks.gather(1, torch.from_numpy(order))


def hard_masks(masks: Tensor, kept: int) -> Tensor:
    """1 for the `kept` largest entries of each mask, 0 for the rest; for analysis: training knows soft masks only."""
    if not 1 <= kept <= masks.shape[1]:
        raise CompanionError(f"{kept} of {masks.shape[1]} latents kept; give 1 to {masks.shape[1]}")
    return torch.zeros_like(masks).scatter(1, masks.topk(kept, dim=1).indices, 1.0)


@torch.no_grad()
def caption_code_masks(sae: SAE, texts: np.ndarray, text_mean: np.ndarray, image_mean: np.ndarray) -> Tensor:
    """1 for the latents that a caption itself activates, 0 for the rest, (m, width); nothing is trained.

    The captions (m, d) are moved by the difference of the modalities' means over training rows and encoded by the
    dictionary of images. SpLiCE (NeurIPS 2024) likewise centres, and keeps what a sparse code names; its code is a
    lasso over words, ours is the dictionary's own.
    """
    shifted = as_tensor(texts + (image_mean - text_mean)).to(sae.W_dec.device)
    code = sae.encode(shifted)
    masks = torch.zeros(len(shifted) * sae.width, device=shifted.device)
    masks[code.positions] = 1.0
    return masks.view(len(shifted), sae.width)
