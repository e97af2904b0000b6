"""Multimodal LLMs of the class `transformers.Qwen2VLForConditionalGeneration`: `hf-hub:Qwen/Qwen2-VL-7B-Instruct`.

Shen et al. (2510.21323, section 4.1 and appendix C.1) use Qwen-VL in addition to LLaVA-1.5. They take its 26th layer,
because from the 27th on pictures and words are mixed. The first Qwen-VL runs its own code, which the companion does not
do; Qwen2-VL (Wang et al., arXiv 2409.12191) is its successor within transformers. Its number of blocks depends on its
size, so choose the layer again for each model.

The number of tokens of a picture depends on its size, and a position in the language model is three numbers: time, row
and column. The image tower reads the patches of all pictures in one sequence without a batch, so it cannot be steered.
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
        """Add to model inputs which tokens are the picture's; from that and the pictures' grids the model makes
        positions.

        It is computed from the present tokens, so words can be added to inputs.
        """
        picture = inputs["input_ids"] == self.model.config.image_token_id
        return {**inputs, "mm_token_type_ids": picture.int()}

    def noise_for(self, pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Draw noise for the patches (n, channels * frames * side * side) of still pictures, the same in all frames."""
        look = self.model.config.vision_config
        frame = torch.randn(len(pixels), look.in_channels, 1, look.patch_size**2, generator=generator)
        return frame.expand(-1, -1, look.temporal_patch_size, -1).flatten(1).to(pixels)
