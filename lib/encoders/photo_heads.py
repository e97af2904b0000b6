"""The two heads of the models of photographs, the features that they take, and the vectors that they make."""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from lib.base.vectors import normalise_rows
from lib.data.captions import each_caption
from lib.data.sets.flickr8k import flickr8k
from lib.encoders.clip import CONFIG
from lib.encoders.photo_towers import ImageTower, TextTower
from lib.encoders.photos_clip import HEADS
from lib.encoders.shim import ensure_torchvision
from lib.encoders.store import embed

ensure_torchvision()
from timm.layers import Mlp  # noqa: E402 (torchvision must work first)

DIM: int = json.loads((HEADS.parent / CONFIG).read_text())["model_cfg"]["embed_dim"]
WIDTHS = (1280, 384)
"""Numbers in a feature of a picture, and of a caption."""

DROP = 0.3
"""Share of input features and of hidden units that are dropped in training."""

CAPTIONS = 5
"""Captions of a picture."""


class Features(NamedTuple):
    """What the towers make of a split: image (n, 1280); text (5 n, 384), the captions of an image in a run."""

    image: torch.Tensor
    text: torch.Tensor

    def rows(self, rows: slice) -> Features:
        """The features of some pictures and of their captions."""
        return Features(self.image[rows], self.text.unflatten(0, (-1, CAPTIONS))[rows].flatten(0, 1))


def features(split: str) -> Features:
    """Those of Flickr8k, from the embedding store, or computed: about a quarter of an hour on one core for all."""
    pairs = flickr8k(split)
    image = embed(pairs, ImageTower(), towers=("image",), shard=500).tower("image")
    text = embed(each_caption(pairs)[0], TextTower(), towers=("text",)).tower("text")
    return Features(torch.from_numpy(np.array(image)), torch.from_numpy(np.array(text)))


class Heads(nn.Module):
    """The heads as open_clip builds them for `timm_proj` and `hf_proj_type` "mlp"."""

    def __init__(self, wide: int = WIDTHS[0], width: int = WIDTHS[1]) -> None:
        super().__init__()
        self.image = Mlp(wide, 2 * DIM, DIM, drop=(DROP, 0.0), bias=(True, False))
        hidden = (width + DIM) // 2
        self.text = nn.Sequential(nn.Linear(width, hidden, bias=False), nn.GELU(), nn.Linear(hidden, DIM, bias=False))
        self.logit_scale = nn.Parameter(torch.tensor(np.log(1 / 0.07), dtype=torch.float32))

    def loss(self, image: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """Symmetric InfoNCE of matched rows."""
        image, text = (F.dropout(part, DROP, self.training) for part in (image, text))
        logits = self.logit_scale.exp() * F.normalize(self.image(image)) @ F.normalize(self.text(text)).T
        target = torch.arange(len(image))
        return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2

    @torch.inference_mode()
    def encode(self, found: Features) -> tuple[np.ndarray, np.ndarray]:
        """Unit vectors of images (n, d) and captions (5 n, d) in the joint space."""
        image, text = self.image(found.image).numpy(), self.text(found.text).numpy()
        return normalise_rows("images", image), normalise_rows("captions", text)


class SplitVectors(NamedTuple):
    """Vectors of n photographs: image (n, d); text (n, 5, d), one for each caption; judge (n, 384), the mean of
    MiniLM's unit vectors of the five captions."""

    image: np.ndarray
    text: np.ndarray
    judge: np.ndarray


def split_vectors(heads: Heads, found: Features) -> SplitVectors:
    """What heads make of the features of photographs and of their captions."""
    image, text = heads.encode(found)
    captions = normalise_rows("captions", found.text.numpy()).reshape(len(image), CAPTIONS, -1)
    judge = normalise_rows("means of captions", captions.mean(axis=1))
    return SplitVectors(image, text.reshape(len(image), CAPTIONS, -1), judge)
