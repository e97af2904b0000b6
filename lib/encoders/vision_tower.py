"""The image tower of an open_clip model as `transformers.CLIPVisionModel`: other names, the same numbers.

LLaVA reads its pictures through a transformers tower, so a model trained with open_clip has to be converted. The two
differ in the names of the weights, in the attention's matrix (one for queries, keys and values in open_clip) and in
where the joint space begins: transformers leaves open_clip's `proj` to another class.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lib.base.errors import CompanionError
from lib.encoders.shim import ensure_torchvision

ensure_torchvision()
import open_clip  # noqa: E402 (torchvision must work first)
from transformers import CLIPVisionConfig, CLIPVisionModel  # noqa: E402

_NAMES = {
    "ln_1": "layer_norm1",
    "attn.out_proj": "self_attn.out_proj",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}


@torch.no_grad()
def to_transformers(visual: nn.Module) -> CLIPVisionModel:
    """Copy an open_clip ViT in eval mode. Hidden state i + 1 is the output of block i, hidden state 0 its input, and
    `pooler_output` the normalised class token before open_clip's projection.

    Raises CompanionError for a tower that CLIPVisionModel cannot express: it can express only the plain ViT of CLIP.
    """
    tower = CLIPVisionModel(_config(visual))
    tower.load_state_dict(_weights(visual), strict=True)
    return tower.to(visual.conv1.weight.device, visual.conv1.weight.dtype).eval()  # type: ignore[union-attr, arg-type]


def _config(visual: nn.Module) -> CLIPVisionConfig:
    if not isinstance(visual, open_clip.transformer.VisionTransformer):
        raise CompanionError(f"a {type(visual).__name__} is not open_clip's ViT; only that one can be converted")
    block = visual.transformer.resblocks[0]
    (height, width), (patch, other) = visual.image_size, visual.patch_size
    unlike = {
        "blocks of its own kind": type(block) is not open_clip.transformer.ResidualAttentionBlock,
        "layer scale": not isinstance(block.ls_1, nn.Identity),
        "no norm before its blocks": not isinstance(visual.ln_pre, nn.LayerNorm),
        "an attention pool": visual.attn_pool is not None,
        f"the pool {visual.pool_type!r}": visual.pool_type != "tok",
        "oblong pictures": height != width or patch != other,
    }
    found = [what for what, is_so in unlike.items() if is_so]
    if found:
        raise CompanionError(f"this image tower has {', '.join(found)}, which CLIPVisionModel lacks; use a plain ViT")
    return CLIPVisionConfig(
        hidden_size=visual.ln_post.normalized_shape[0],
        intermediate_size=block.mlp.c_fc.out_features,
        num_hidden_layers=len(visual.transformer.resblocks),
        num_attention_heads=block.attn.num_heads,
        image_size=height,
        patch_size=patch,
        hidden_act=_activation(block.mlp.gelu),
        layer_norm_eps=visual.ln_post.eps,
    )


def _activation(module: nn.Module) -> str:
    """OpenAI's weights were trained with x * sigmoid(1.702 x), most others with the exact GELU."""
    if isinstance(module, open_clip.transformer.QuickGELU):
        return "quick_gelu"
    if isinstance(module, nn.GELU) and module.approximate == "none":
        return "gelu"
    raise CompanionError(f"this image tower's activation is {module}; only GELU and QuickGELU are known")


def _weights(visual: nn.Module) -> dict[str, Tensor]:
    stored = visual.state_dict()
    weights = {
        "embeddings.class_embedding": stored["class_embedding"],
        "embeddings.patch_embedding.weight": stored["conv1.weight"],
        "embeddings.position_embedding.weight": stored["positional_embedding"],
    }
    for kind in ("weight", "bias"):
        weights[f"pre_layrnorm.{kind}"] = stored[f"ln_pre.{kind}"]  # transformers spells it so
        weights[f"post_layernorm.{kind}"] = stored[f"ln_post.{kind}"]
        for layer in range(len(visual.transformer.resblocks)):  # type: ignore[union-attr, arg-type]
            old, new = f"transformer.resblocks.{layer}", f"encoder.layers.{layer}"
            for name, theirs in _NAMES.items():
                weights[f"{new}.{theirs}.{kind}"] = stored[f"{old}.{name}.{kind}"]
            parts = stored[f"{old}.attn.in_proj_{kind}"].chunk(3)
            for name, part in zip(("q_proj", "k_proj", "v_proj"), parts, strict=True):
                weights[f"{new}.self_attn.{name}.{kind}"] = part
    return weights
