"""A wrong way to score: every image is edited once, by its own caption, and then compared with all captions.

It is kept to show what goes wrong (notebook 40), never as a result. The edited vector carries the identity of the
right caption, so the score compares text with text and rises even where pictures are shuffled. An unofficial toy
version of TEVI trains and evaluates like this; SmartCLIP (CVPR 2025) and FLAIR (CVPR 2025) warn of it.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from lib.editing.edited_scores import EditedImages, edited_embeddings


def leaky_scores(images: EditedImages, texts: Tensor, masks: Tensor) -> Tensor:
    """Leaky scores cos(e_ii, t_j), (n, n), of n images, their captions (n, d) and the captions' masks (n, width)."""
    edited = F.normalize(edited_embeddings(images, masks), dim=1).view_as(texts)
    return edited @ F.normalize(texts, dim=-1).mT
