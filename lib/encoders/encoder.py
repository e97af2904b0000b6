"""The interface that the companion expects of every encoder, CLIP models and judges alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from PIL import Image

from lib.base.errors import CompanionError, NotAvailable


class Encoder(Protocol):
    """Turns images or sounds, and texts if it has a text tower, into vectors of `dim` numbers.

    name: for tables and errors. identity: plain JSON that decides every number it computes; it is part of cache keys.
    device: where the forward pass runs, in torch's words. Images or sounds go through `preprocess`, which the store
    runs in worker processes, and then as a batch through `encode_pixels`. `encode_images` (for encoders of images) and
    `encode_sounds` (for encoders of sounds) do both.
    """

    @property
    def name(self) -> str: ...

    @property
    def dim(self) -> int: ...

    @property
    def identity(self) -> dict[str, Any]: ...

    @property
    def device(self) -> str: ...

    @property
    def preprocess(self) -> Callable[[Any], torch.Tensor]:
        """Return a method that turns an image or sound into a tensor on the CPU, of one shape for all, of bytes if
        possible.
        """
        ...

    def encode_pixels(self, pixels: torch.Tensor) -> np.ndarray:
        """Encode the stacked tensors of n images or sounds to float32 (n, dim), not normalised."""
        ...

    @property
    def encode_texts(self) -> Callable[[list[str]], np.ndarray] | None:
        """Return a method that encodes n texts to float32 (n, dim), not normalised; None if there is no text tower."""
        ...


@runtime_checkable
class TextEncoder(Encoder, Protocol):
    """An encoder that has a text tower, as every encoder under study has."""

    @property
    def encode_texts(self) -> Callable[[list[str]], np.ndarray]:
        """Return a method that encodes n texts to float32 (n, dim), not normalised."""
        ...


def stack_pixels(encoder: Encoder, images: list[Image.Image]) -> torch.Tensor:
    """Stack the preprocessed images into one batch, for `encode_pixels`."""
    if not images:
        raise CompanionError(f"{encoder.name}: no images to encode; give at least one")
    for image in images:
        if not isinstance(image, Image.Image):
            raise CompanionError(f"{encoder.name}: an image is a {type(image).__name__}; give PIL images")
    return torch.stack([encoder.preprocess(image) for image in images])


def check_device(device: str) -> str:
    """Return the device if this machine has it; raises NotAvailable otherwise."""
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise NotAvailable(f"device {device!r} was requested, but torch finds no GPU; use device='cpu'")
    return device


def full_precision() -> Any:
    """Make a context in which a GPU convolves in float32, as a CPU does; by default cuDNN would round to TF32."""
    return torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
