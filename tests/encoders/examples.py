"""Pairs and an encoder that one can check by eye."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from lib.data.pairs import Pairs
from lib.encoders.encoder import stack_pixels


def pictures(n: int, size: tuple[int, int] = (40, 36), seed: int = 0) -> list[Image.Image]:
    generator = np.random.default_rng(seed)
    return [Image.fromarray(generator.integers(0, 256, (*size, 3), dtype=np.uint8)) for _ in range(n)]


def make_pairs(n: int = 10) -> Pairs:
    ids = np.array([f"pair-{i}" for i in range(n)])
    captions = tuple((f"a picture of {i} things", "another caption") for i in range(n))
    return Pairs(ids, pictures(n), captions, {"made": "for tests", "n": n})


class Toy:
    """Mean colour of a picture, three numbers about a text; it counts what it is given."""

    name, dim, device = "toy", 3, "cpu"
    identity = {"encoder": "toy"}  # noqa: RUF012

    def __init__(self) -> None:
        self.images = self.texts = 0

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        return torch.from_numpy(np.array(image))

    def encode_pixels(self, pixels: torch.Tensor) -> np.ndarray:
        self.images += len(pixels)
        return np.stack([picture.numpy().astype(np.float32).mean((0, 1)) for picture in pixels])

    def encode_images(self, images: list[Image.Image]) -> np.ndarray:
        return self.encode_pixels(stack_pixels(self, images))

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        self.texts += len(texts)
        return np.array([[len(text), text.count("a"), text.count(" ")] for text in texts], np.float32)
