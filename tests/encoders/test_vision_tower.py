from __future__ import annotations

import numpy as np
import open_clip
import pytest
import torch
from torch import nn

from lib.base.errors import CompanionError
from lib.data.scenes import picture_of
from lib.encoders.clip import load_clip
from lib.encoders.hooks import record
from lib.encoders.vision_tower import to_transformers

TINY = {"image_size": 32, "layers": 3, "width": 32, "head_width": 16, "patch_size": 8}


def tower(quick_gelu: bool = False, **changes) -> nn.Module:
    """The image tower of an open_clip model with weights large enough that every part matters."""
    text = {"context_length": 8, "vocab_size": 50, "width": 16, "heads": 2, "layers": 1}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.CLIP(16, {**TINY, **changes}, text, quick_gelu=quick_gelu)
        for parameter in model.visual.parameters():
            parameter.data += 0.2 * torch.randn(parameter.shape)
    return model.visual.eval()


@torch.no_grad()
def assert_same(visual: nn.Module, pixels: torch.Tensor) -> None:
    layers = range(len(visual.transformer.resblocks))
    with record(visual, layers, "all") as recorded:
        embedding = visual(pixels)
    ours = to_transformers(visual)(pixels, output_hidden_states=True)
    assert len(ours.hidden_states) == len(layers) + 1
    torch.testing.assert_close(ours.hidden_states[0], visual._embeds(pixels), rtol=1e-4, atol=1e-4)
    for layer in layers:
        torch.testing.assert_close(ours.hidden_states[layer + 1], recorded[layer][0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours.pooler_output @ visual.proj, embedding, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("quick_gelu", [False, True])
def test_every_hidden_state_and_the_pooled_output_agree(quick_gelu: bool) -> None:
    pixels = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    visual = tower(quick_gelu)
    assert_same(visual, pixels)
    assert to_transformers(visual).config.hidden_act == ("quick_gelu" if quick_gelu else "gelu")


def test_the_two_activations_are_told_apart() -> None:
    pixels = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    exact, quick = (to_transformers(tower(q))(pixels).pooler_output for q in (False, True))
    assert (exact - quick).abs().max() > 1e-3


def test_the_shipped_clip_agrees() -> None:
    clip = load_clip("scenes-clip")
    pixels = np.stack([picture_of("test", 0, row) for row in range(4)])
    assert_same(clip.visual, (torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255 - 0.5) / 0.25)


def test_the_copy_is_a_copy() -> None:
    visual = tower()
    copy = to_transformers(visual)
    copy.embeddings.class_embedding.data.zero_()
    assert visual.class_embedding.abs().max() > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ls_init_value": 0.1}, "has layer scale, which CLIPVisionModel lacks"),
        ({"no_ln_pre": True}, "has no norm before its blocks"),
        ({"attentional_pool": True}, "has an attention pool"),
        ({"pool_type": "avg"}, "has the pool 'avg'"),
        ({"image_size": (32, 16)}, "has oblong pictures"),
        ({"qk_norm": True, "block_type": "custom"}, "has blocks of its own kind"),
        ({"act_kwargs": {"approximate": "tanh"}}, "activation is GELU"),
    ],
)
def test_other_towers_are_refused_in_one_line(changes: dict, message: str) -> None:
    with pytest.raises(CompanionError, match=message):
        to_transformers(tower(**changes))


def test_only_open_clip_towers_are_converted() -> None:
    with pytest.raises(CompanionError, match="a Linear is not open_clip's ViT"):
        to_transformers(nn.Linear(2, 2))
