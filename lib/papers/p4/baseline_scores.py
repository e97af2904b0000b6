"""Paper 4: scores of pictures and captions without a masker, which notebooks 40, 41 and 42 share."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lib.editing.masker import ImageSide
from lib.worlds.dialled_captions import Captioned


def unedited_scores(test: Captioned) -> np.ndarray:
    """Cosines of pictures and captions as the encoder gives them, float64."""
    return test.image.astype(np.float64) @ test.text.astype(np.float64).T


def reconstruction_scores(images: ImageSide, text: np.ndarray) -> np.ndarray:
    """Scores with all masks 1: the dictionary's reconstruction without an edit."""
    width = len(images.edited.atoms) - 1
    return masked_scores(images, text, torch.ones(len(text), width))


def masked_scores(images: ImageSide, text: np.ndarray, masks: Tensor) -> np.ndarray:
    """Scores (n, m), float64, of pictures with captions that are not tuned, by given masks."""
    return images.edited.block(slice(None), text, masks).numpy().astype(np.float64)
