"""Multimodal LLMs of the class `transformers.Qwen2VLForConditionalGeneration`: `hf-hub:Qwen/Qwen2-VL-7B-Instruct`.

Shen et al. (2510.21323, section 4.1 and appendix C.1) use Qwen-VL beside LLaVA-1.5, and of it the 26th layer, for from
the 27th on pictures and words lie among each other. The first Qwen-VL runs code of its own, which is not done here;
Qwen2-VL (Wang et al., arXiv 2409.12191) is its successor within transformers. How many blocks it has depends on its
size, so the layer is to be chosen anew for it.

A picture has as many tokens as its size asks for, and a place in the language model is three numbers: of time, row and
column. The image tower sees the patches of all pictures in one sequence without a batch, so it cannot be steered.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import nn

from lib.encoders.multimodal_llm import MultimodalLLM
from lib.encoders.shim import ensure_torchvision

ensure_torchvision()
from transformers import Qwen2VLForConditionalGeneration, Qwen2VLProcessor  # noqa: E402


class Qwen2VL(MultimodalLLM):
    """A Qwen2-VL in eval mode: the number of a picture's tokens depends on its size."""

    kind: ClassVar[str] = "Qwen2-VL"
    model_class: ClassVar[Any] = Qwen2VLForConditionalGeneration
    processor_class: ClassVar[Any] = Qwen2VLProcessor

    @property
    def vision_tower(self) -> nn.Module:
        """The image tower; `lib.encoders.hooks` and `lib.editing.steering` refuse it."""
        return self.model.model.visual

    def placed(self, inputs: Any) -> dict[str, Any]:
        """Model inputs that say which tokens are the picture's: the model makes places of that and the pictures' grids.

        Said anew for the tokens at hand, so that words can be added to inputs.
        """
        picture = inputs["input_ids"] == self.model.config.image_token_id
        return {**inputs, "mm_token_type_ids": picture.int()}

    def noise_for(self, pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Noise for the patches (n, channels * frames * side * side) of still pictures: in all frames the same."""
        look = self.model.config.vision_config
        frame = torch.randn(len(pixels), look.in_channels, 1, look.patch_size**2, generator=generator)
        return frame.expand(-1, -1, look.temporal_patch_size, -1).flatten(1).to(pixels)
