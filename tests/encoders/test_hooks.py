from __future__ import annotations

import copy
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import timm
import torch
from transformers import CLIPVisionConfig, CLIPVisionModel

from lib.base.errors import CompanionError
from lib.encoders.clip import ClipEncoder
from lib.encoders.encoder import stack_pixels
from lib.encoders.hooks import encode_layers, record

from .examples import pictures

WIDTH, PATCHES = 32, 16


def residual_stream(clip: ClipEncoder, pixels: torch.Tensor) -> Iterator[torch.Tensor]:
    """The slow and obvious way: embed the patches and run the blocks one by one, by hand."""
    visual = clip.visual
    patches = visual.conv1(pixels).flatten(2).transpose(1, 2)
    token = visual.class_embedding.expand(len(pixels), 1, -1)
    hidden = visual.ln_pre(torch.cat([token, patches], dim=1) + visual.positional_embedding)
    for block in visual.transformer.resblocks:
        hidden = hidden + block.attn(*[block.ln_1(hidden)] * 3, need_weights=False)[0]
        hidden = hidden + block.mlp(block.ln_2(hidden))
        yield hidden


def test_layers_are_the_residual_stream_after_each_block(clip: ClipEncoder) -> None:
    pixels = stack_pixels(clip, pictures(3))
    with torch.no_grad():
        expected = list(residual_stream(clip, clip.normalise(pixels)))
    assert len(expected) == 2
    for layer, hidden in enumerate(expected):
        every = encode_layers(clip, pixels, [layer], "all")[layer]
        assert every.dtype == np.float32 and every.shape == (3, PATCHES + 1, WIDTH)
        np.testing.assert_allclose(every, hidden.numpy(), atol=1e-4)
        assert np.array_equal(encode_layers(clip, pixels, [layer], "class")[layer], every[:, 0])
        assert np.array_equal(encode_layers(clip, pixels, [layer], "patches")[layer], every[:, 1:])


def test_the_last_class_token_is_one_projection_away_from_the_embedding(clip: ClipEncoder) -> None:
    images = pictures(3)
    hidden = torch.tensor(encode_layers(clip, stack_pixels(clip, images), [1], "class")[1])
    with torch.no_grad():
        projected = clip.visual.ln_post(hidden) @ clip.visual.proj
    np.testing.assert_allclose(projected.numpy(), clip.encode_images(images), atol=1e-5)


def test_sequence_first_towers_give_the_same(clip: ClipEncoder) -> None:
    turned = copy.deepcopy(clip)
    turned.visual.transformer.batch_first = False
    for block in turned.visual.transformer.resblocks:
        block.attn.batch_first = False
    pixels = stack_pixels(clip, pictures(3))
    for tokens in ("class", "all"):
        expected = encode_layers(clip, pixels, [0], tokens)[0]
        np.testing.assert_allclose(encode_layers(turned, pixels, [0], tokens)[0], expected, atol=1e-5)


def test_recording_changes_nothing_and_keeps_every_pass(clip: ClipEncoder) -> None:
    images = pictures(4)
    before = clip.encode_images(images)
    with record(clip, [0, 1]) as recorded:
        during = clip.encode_images(images)
        clip.encode_images(images[:1])
    assert np.array_equal(before, during)
    assert {layer: [len(part) for part in parts] for layer, parts in recorded.items()} == {0: [4, 1], 1: [4, 1]}
    assert not any(part.requires_grad for part in recorded[0])


def test_hooks_are_removed_after_success_and_after_an_error(clip: ClipEncoder) -> None:
    def hooks() -> int:
        return sum(len(block._forward_hooks) for block in clip.visual.transformer.resblocks)

    with record(clip.visual, [0, 1]) as recorded:
        assert hooks() == 2
    with pytest.raises(ZeroDivisionError), record(clip, [0, 1]):
        raise ZeroDivisionError
    with pytest.raises(CompanionError), record(clip, [0, 5]):
        pass
    assert hooks() == 0
    clip.encode_images(pictures(1))
    assert recorded == {0: [], 1: []}


def test_a_transformers_tower_gives_its_hidden_states() -> None:
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = CLIPVisionModel(CLIPVisionConfig(**sizes, image_size=32, patch_size=16)).eval()
    pixels = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), record(model, [0, 1], "all") as recorded:
        states = model(pixels, output_hidden_states=True).hidden_states
    for layer in (0, 1):
        torch.testing.assert_close(recorded[layer][0], states[layer + 1])


@pytest.mark.parametrize(("class_token", "registers"), [(True, 0), (True, 2), (False, 0)])
def test_a_timm_tower_gives_its_patches_without_prefix_tokens(class_token: bool, registers: int) -> None:
    options = {"class_token": class_token, "reg_tokens": registers, "global_pool": "avg", "num_classes": 0}
    trunk = timm.models.VisionTransformer(img_size=32, patch_size=8, embed_dim=16, depth=2, num_heads=2, **options)
    visual = torch.nn.Module()  # as open_clip wraps it
    visual.trunk = trunk.eval()
    pixels = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), record(visual, [0], "patches") as recorded:
        expected = trunk.forward_intermediates(pixels, indices=[0], output_fmt="NLC", intermediates_only=True)[0]
        recorded[0].clear()
        trunk(pixels)
    torch.testing.assert_close(recorded[0][0], expected)
    assert expected.shape == (2, PATCHES, 16)


@pytest.mark.parametrize(
    ("layers", "tokens", "message"),
    [
        ([2], "class", "no layer 2: this image tower has 2 blocks, 0 to 1"),
        ([-1], "class", "no layer -1: "),
        (["last"], "class", "no layer 'last': "),
        ([0], "cls", "unknown tokens 'cls'; choose one of class, patches, all"),
    ],
)
def test_bad_requests_are_told(clip: ClipEncoder, layers: list, tokens: str, message: str) -> None:
    with pytest.raises(CompanionError, match=message), record(clip, layers, tokens):
        pass


def test_towers_without_blocks_or_class_token_are_told() -> None:
    trunk = timm.models.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=16, depth=1, num_heads=2, class_token=False, global_pool="avg"
    )
    with pytest.raises(CompanionError, match="no class token; use tokens='patches'"), record(trunk, [0]):
        pass
    with pytest.raises(CompanionError, match="Linear has no transformer blocks"), record(torch.nn.Linear(2, 2), [0]):
        pass
    with pytest.raises(CompanionError, match="a judge has no"), record(SimpleNamespace(name="a judge"), [0]):
        pass
