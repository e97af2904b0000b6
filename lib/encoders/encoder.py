"""What the companion asks of an encoder: the interface of CLIP models and judges alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from PIL import Image


class Encoder(Protocol):
    """Turns images, and texts if it has a text tower, into vectors of `dim` numbers.

    name: for tables and errors. identity: plain JSON that decides every number it gives; cache keys contain it.
    """

    @property
    def name(self) -> str: ...

    @property
    def dim(self) -> int: ...

    @property
    def identity(self) -> dict[str, Any]: ...

    def encode_images(self, images: list[Image.Image]) -> np.ndarray:
        """float32 (n, dim), not normalised."""
        ...

    @property
    def encode_texts(self) -> Callable[[list[str]], np.ndarray] | None:
        """A method from n texts to float32 (n, dim), not normalised; None where there is no text tower."""
        ...
