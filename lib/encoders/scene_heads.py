"""Heads on the frozen vectors of scenes-clip, which make an encoder of scenes that was trained only on poor captions.

The premise of paper 4 is an encoder whose pictures contain more than its captions said. scenes-clip was trained on
captions of all facts and does not meet it; these heads were trained on captions of one or two facts
(`training.details_heads`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from lib.base.errors import CompanionError
from lib.base.files import sha256_file
from lib.base.places import MODELS
from lib.encoders.clip import ClipEncoder
from lib.encoders.embeddings import Embeddings
from lib.encoders.encoder import stack_pixels
from lib.encoders.tensors import read_tensors

NAME = "scenes-details"
BASE, HIDDEN, DIM = 128, 256, 48
"""Numbers in a vector of scenes-clip, hidden units of a head, and numbers in a vector of the new encoder."""

ENCODERS = 2
"""Number of shipped encoders: the same training from different seeds."""


class SceneHeads(nn.Module):
    """Heads with one hidden layer, one per tower, from unit vectors (n, 128) of scenes-clip to (n, 48)."""

    def __init__(self) -> None:
        super().__init__()
        self.image, self.text = (
            nn.Sequential(nn.Linear(BASE, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, DIM)) for _ in range(2)
        )

    def rows(self, tower: str, vectors: Tensor) -> Tensor:
        """Map vectors (n, 128) of a tower, of any norm, to (n, 48), not normalised."""
        head = self.image if tower == "image" else self.text
        return head(F.normalize(vectors, dim=1) * BASE**0.5)


@dataclass(frozen=True, eq=False)
class HeadedClip:
    """scenes-clip with heads, as an encoder of pictures and texts."""

    base: ClipEncoder
    """The encoder whose vectors are the heads' input."""
    heads: SceneHeads
    """The trained heads."""
    identity: dict[str, Any]
    """The facts that decide every vector: the identity of the base, and the heads' sha256."""
    name: str = NAME
    dim: int = DIM

    @property
    def device(self) -> str:
        """The device of the base."""
        return self.base.device

    def preprocess(self, image: Image.Image) -> Tensor:
        """Preprocess a picture as the base does, to uint8 (3, height, width)."""
        return self.base.preprocess(image)

    def encode_pixels(self, pixels: Tensor) -> np.ndarray:
        """Encode uint8 (n, 3, height, width) to float32 (n, 48), not normalised."""
        return self._mapped("image", self.base.encode_pixels(pixels))

    def encode_images(self, images: list[Image.Image]) -> np.ndarray:
        """Encode n pictures to float32 (n, 48), not normalised."""
        return self.encode_pixels(stack_pixels(self, images))

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        """Encode n texts to float32 (n, 48), not normalised."""
        return self._mapped("text", self.base.encode_texts(texts))

    def lift(self, embeddings: Embeddings) -> Embeddings:
        """Turn the base's embeddings of pairs into those of this encoder; rows have unit norm."""
        image, text = (
            None if rows is None else self._mapped(tower, rows)
            for tower, rows in (("image", embeddings.image), ("text", embeddings.text))
        )
        identity = {**embeddings.identity, "heads": self.identity["heads"]}
        return Embeddings(embeddings.ids, image, text, self.name, False, identity).unit()

    @torch.no_grad()
    def _mapped(self, tower: str, vectors: np.ndarray) -> np.ndarray:
        return self.heads.rows(tower, torch.from_numpy(np.array(vectors, np.float32))).numpy()


def scene_heads(base: ClipEncoder, number: int = 0) -> HeadedClip:
    """Load one of the shipped encoders on top of scenes-clip, ready to encode."""
    if number not in range(ENCODERS):
        raise CompanionError(f"no encoder {NAME} number {number}; there are {ENCODERS}, from 0")
    path, heads = MODELS / NAME / f"heads-{number}.safetensors", SceneHeads().eval()
    tensors = read_tensors(path, "restore it from the repository, or run python -m lib.encoders.training.details_heads")
    heads.load_state_dict({name: value.float() for name, value in tensors.items()})
    return HeadedClip(base, heads, {**base.identity, "heads": sha256_file(path)})
