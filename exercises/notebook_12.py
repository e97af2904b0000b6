"""Exercises of notebook 12, steering."""

import numpy as np
import torch
from torch import Tensor


def clamp_tokens(code: Tensor, decoded: Tensor, W_dec: Tensor, k: int, alpha: float) -> Tensor:
    """Easy. `code` (tokens, latents) was decoded to `decoded` (tokens, d) with the directions `W_dec` (latents, d).
    Return what decoding gives if latent k has the value alpha in every token, without decoding again."""
    return decoded + (alpha - code[:, k : k + 1]) * W_dec[k]


def both(named: np.ndarray, formed: np.ndarray, kept: np.ndarray) -> float:
    """Easy. For each of some answers you know whether the concept is named (1 or 0), whether the answer is well formed
    (1 or 0), and which share of the rest it keeps. Return the measure by which strengths are chosen here: the share of
    the rest that an answer keeps, counted as 0 unless the concept is named and the answer is well formed, averaged over
    the answers."""
    return float((named * formed * kept).mean())


def leaky_direction() -> tuple[float, float]:
    """Medium. A patch is the sum of a red direction, if it shows red, and a white direction, if the background is
    white. Both have length one, and they are at right angles. Red is in half of the patches; white is in eight of ten
    patches with red, and in two of ten without. How much of the white direction is in the difference in means of red?
    Return that, and the same for a white that is in half of the patches whether they show red or not."""
    generator = torch.Generator().manual_seed(0)

    def along(with_red: float, without: float) -> float:
        red = torch.rand(20_000, generator=generator) < 0.5
        white = torch.rand(20_000, generator=generator) < torch.where(red, with_red, without)
        patches = torch.stack([red, white], dim=1).float()
        return float((patches[red].mean(dim=0) - patches[~red].mean(dim=0))[1])

    return along(0.8, 0.2), along(0.5, 0.5)
