"""Multimodal LLMs of the class `transformers.LlavaForConditionalGeneration`: our scenes-llava and LLaVA-1.5.

The same code asks `scenes-llava` and `hf-hub:llava-hf/llava-1.5-7b-hf` (Liu et al., CVPR 2024), the model that Pach et
al. (2504.02821, section 4.3) steer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from lib.encoders.multimodal_llm import MultimodalLLM, load_as
from lib.encoders.shim import ensure_torchvision

ensure_torchvision()
from transformers import LlavaForConditionalGeneration, LlavaProcessor  # noqa: E402


class Llava(MultimodalLLM):
    """A LLaVA in eval mode: each picture has the same number of tokens."""

    kind: ClassVar[str] = "LLaVA"
    model_class: ClassVar[Any] = LlavaForConditionalGeneration
    processor_class: ClassVar[Any] = LlavaProcessor

    @property
    def vision_tower(self) -> nn.Module:
        """The image tower, as `lib.encoders.hooks` and `lib.editing.steering` need it."""
        return self.model.model.vision_tower

    @property
    def patch(self) -> int:
        """Side of a patch in pixels."""
        return int(self.processor.patch_size)

    def placed(self, inputs: Any) -> dict[str, Any]:
        return {**inputs, "position_ids": places(inputs["attention_mask"])}


def places(mask: torch.Tensor) -> torch.Tensor:
    """Count the positions of tokens from the first one that is not padding."""
    return (mask.cumsum(dim=1) - 1).clamp(min=0)


def load_llava(name: str | Path, *, revision: str | None = None, device: str = "cpu") -> Llava:
    """Load a LLaVA, such as the shipped `scenes-llava`; see `lib.encoders.multimodal_llm.load_as`."""
    return load_as((Llava,), name, revision, device)
