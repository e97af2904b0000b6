"""Activations inside an image tower, read by forward hooks on its residual blocks.

The output of a block is the residual stream after its MLP has been added, as in paper 1 (Pach et al., 2504.02821,
section 4.1: blocks 11, 17, 22 and 23 of CLIP ViT-L, counted from 0). The model's forward pass is not changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from lib.base.errors import CompanionError
from lib.encoders.encoder import Encoder

Tokens = Literal["class", "patches", "all"]
TOKENS: tuple[Tokens, ...] = ("class", "patches", "all")


@dataclass(frozen=True)
class Blocks:
    """The residual blocks of a tower and the layout of their outputs.

    prefix: number of tokens before the first patch (class token and registers). class_token: whether token 0 is one.
    batch_first: outputs are (n, tokens, width) if true, else (tokens, n, width).
    """

    modules: Sequence[nn.Module]
    prefix: int
    class_token: bool
    batch_first: bool

    def select(self, output: Any, tokens: Tokens) -> torch.Tensor:
        """Select the chosen tokens of a block's output: (n, width) for the class token, else (n, tokens, width)."""
        hidden = output[0] if isinstance(output, tuple) else output
        hidden = hidden.detach() if self.batch_first else hidden.detach().transpose(0, 1)
        if tokens == "class":
            return hidden[:, 0].clone()
        return hidden[:, self.prefix :].clone() if tokens == "patches" else hidden.clone()


def find_blocks(source: Any) -> Blocks:
    """Find the blocks of an encoder or its image tower: open_clip ViT, timm ViT, or a transformers CLIP-like model."""
    visual: Any = source if isinstance(source, nn.Module) else getattr(source, "visual", None)
    if hasattr(visual, "transformer") and hasattr(visual.transformer, "resblocks"):
        return Blocks(visual.transformer.resblocks, 1, True, visual.transformer.batch_first)
    trunk = getattr(visual, "trunk", visual)
    if hasattr(trunk, "blocks") and hasattr(trunk, "num_prefix_tokens"):
        return Blocks(trunk.blocks, trunk.num_prefix_tokens, trunk.cls_token is not None, True)
    tower = getattr(visual, "vision_model", visual)
    if hasattr(tower, "encoder") and hasattr(tower.encoder, "layers"):
        class_token = hasattr(tower.embeddings, "class_embedding")
        return Blocks(tower.encoder.layers, int(class_token), class_token, True)
    name = getattr(source, "name", type(source).__name__)
    if hasattr(visual, "blocks") and hasattr(visual, "merger"):
        raise CompanionError(
            f"{name} reads its pictures as one sequence without a batch, and cannot be recorded or steered; use a LLaVA"
        )
    raise CompanionError(f"{name} has no transformer blocks to record; use an encoder whose image tower is a ViT")


@contextmanager
def record(source: Any, layers: Sequence[int], tokens: Tokens = "class") -> Iterator[dict[int, list[torch.Tensor]]]:
    """Record the outputs of some blocks while images are encoded inside the `with`.

    source: an encoder, or its image tower. layers: block numbers from 0. Yields a dict from layer to one tensor for
    each forward pass: (n, width) for tokens="class", (n, patches, width) for "patches", (n, tokens, width) for "all".
    The hooks are removed at the end, whether there is an error or not.
    """
    blocks = find_blocks(source)
    if tokens not in TOKENS:
        raise CompanionError(f"unknown tokens {tokens!r}; choose one of {', '.join(TOKENS)}")
    if tokens == "class" and not blocks.class_token:
        raise CompanionError("this image tower has no class token; use tokens='patches'")
    count = len(blocks.modules)
    for layer in layers:
        if layer not in range(count):
            raise CompanionError(f"no layer {layer!r}: this image tower has {count} blocks, 0 to {count - 1}")
    recorded: dict[int, list[torch.Tensor]] = {layer: [] for layer in layers}

    def hook_of(layer: int) -> Any:
        return lambda _module, _inputs, output: recorded[layer].append(blocks.select(output, tokens))

    handles = [blocks.modules[layer].register_forward_hook(hook_of(layer)) for layer in recorded]
    try:
        yield recorded
    finally:
        for handle in handles:
            handle.remove()


def encode_layers(
    encoder: Encoder, pixels: torch.Tensor, layers: Sequence[int], tokens: Tokens = "class"
) -> dict[int, np.ndarray]:
    """Return float32 activations of some blocks for preprocessed images, from one forward pass.

    They are a dict from layer to (n, width) for tokens="class", else to (n, tokens, width).
    """
    with record(encoder, layers, tokens) as recorded:
        encoder.encode_pixels(pixels)
    return {layer: torch.cat(parts).float().cpu().numpy() for layer, parts in recorded.items()}
