from __future__ import annotations

import math

import open_clip
import pytest
import timm
import torch
from torch import Tensor, nn
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModel,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    SiglipVisionConfig,
    SiglipVisionModel,
)

from lib.base.errors import CompanionError
from lib.editing.steering import (
    Edit,
    clamp,
    clamp_each,
    difference_in_means,
    reconstruct,
    shift,
    steered,
)
from lib.encoders.hooks import record
from lib.sae.base import SAE
from lib.sae.config import SAEConfig
from lib.sae.recipes import build
from tests.sae.reference import random_paired, random_two_towers

WIDTH = 16
SIZES = {"hidden_size": WIDTH, "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2}


def dictionary(recipe: str = "topk", seed: int = 0) -> SAE:
    sae = build(SAEConfig(recipe, 24, 4), WIDTH)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in sae.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    sae.normalise_decoder()
    return sae


def rows(n: int = 7, seed: int = 1) -> Tensor:
    return torch.randn(n, WIDTH, generator=torch.Generator().manual_seed(seed))


def by_definition(sae: SAE, tokens: Tensor, latents: dict[int, float], keep_error: bool) -> Tensor:
    """The slow way: the dense code, overwritten, and decoded with a dense product."""
    code = sae.encode(tokens).dense()
    error = tokens - (code @ sae.W_dec + sae.b_dec) if keep_error else 0
    for latent, value in latents.items():
        code[:, latent] = value
    return (code @ sae.W_dec + sae.b_dec + error).detach()


@pytest.mark.parametrize("recipe", ["relu", "topk", "batch_topk", "jumprelu", "matryoshka"])
@pytest.mark.parametrize("latents", [{}, {3: 5.0}, {0: 0.0, 23: -2.5, 7: 1.0}])
@pytest.mark.parametrize("keep_error", [False, True])
def test_clamp_overwrites_the_dense_code(recipe: str, latents: dict[int, float], keep_error: bool) -> None:
    sae, tokens = dictionary(recipe), rows()
    edited = clamp(sae, latents, keep_error=keep_error)(tokens)
    torch.testing.assert_close(edited, by_definition(sae, tokens, latents, keep_error))
    assert not edited.requires_grad


def test_clamping_to_what_is_there_changes_nothing() -> None:
    sae, tokens = dictionary(), rows(1)
    code = sae.encode(tokens)
    same = {int(latent): float(value) for latent, value in zip(code.pattern.latents, code.values.detach(), strict=True)}
    torch.testing.assert_close(clamp(sae, same, keep_error=True)(tokens), tokens)
    torch.testing.assert_close(clamp(sae, same)(tokens), reconstruct(sae)(tokens))


def test_a_shift_moves_every_token_alike() -> None:
    direction = rows(1, seed=3)[0]
    torch.testing.assert_close(shift(direction, -2.0)(rows()), rows() - 2 * direction)


def each(latents: list[int], values: list[float]) -> Edit:
    return clamp_each(dictionary(), torch.tensor(latents), torch.tensor(values))


@pytest.mark.parametrize("keep_error", [False, True])
def test_clamping_another_latent_in_each_image_is_clamping_image_by_image(keep_error: bool) -> None:
    sae, tokens = dictionary("batch_topk"), rows(12)
    latents, values = torch.tensor([3, 0, 23]), torch.tensor([5.0, 0.0, -2.0])
    wanted = [
        clamp(sae, {int(latent): float(value)}, keep_error=keep_error)(part)
        for latent, value, part in zip(latents, values, tokens.split(4), strict=True)
    ]
    torch.testing.assert_close(clamp_each(sae, latents, values, keep_error=keep_error)(tokens), torch.cat(wanted))


def test_a_direction_for_each_image() -> None:
    moved = shift(rows(2, seed=3), 2.0)(rows(6))
    torch.testing.assert_close(moved[4], rows(6)[4] + 2 * rows(2, seed=3)[1])


def test_difference_in_means() -> None:
    torch.testing.assert_close(difference_in_means(rows(5) + 1, rows(5)), torch.ones(WIDTH))


def clip_tower() -> nn.Module:
    return CLIPVisionModel(CLIPVisionConfig(**SIZES, image_size=32, patch_size=8)).eval()


def siglip_tower() -> nn.Module:
    return SiglipVisionModel(SiglipVisionConfig(**SIZES, image_size=32, patch_size=8)).eval()


def timm_tower() -> nn.Module:
    return timm.models.VisionTransformer(img_size=32, patch_size=8, embed_dim=WIDTH, depth=3, num_heads=2).eval()


def open_clip_tower() -> nn.Module:
    return open_clip.transformer.VisionTransformer(32, 8, WIDTH, 3, 2, 2.0, output_dim=8).eval()


def sequence_first_tower() -> nn.Module:
    tower = open_clip_tower()
    tower.transformer.batch_first = False
    for block in tower.transformer.resblocks:
        block.attn.batch_first = False
    return tower


PIXELS = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("tower", [clip_tower, siglip_tower, timm_tower, open_clip_tower])
@pytest.mark.parametrize("pooled", [False, True])
def test_the_block_after_sees_the_edited_tokens(tower: object, pooled: bool) -> None:
    model, edit = tower(), clamp(dictionary(), {5: 9.0})  # type: ignore[operator]
    everything = "all"
    seen: list[Tensor] = []

    with torch.no_grad(), record(model, [1], everything) as plain:
        before = model(PIXELS)
    tokens = plain[1][0]
    mean = tokens.mean(dim=1)
    wanted = tokens + (edit(mean) - mean)[:, None] if pooled else edit(tokens.flatten(0, 1)).view_as(tokens)

    from lib.encoders.hooks import find_blocks

    blocks = find_blocks(model).modules
    watch = blocks[2].register_forward_pre_hook(
        lambda _module, inputs, kwargs: seen.append(inputs[0] if inputs else kwargs["hidden_states"]), with_kwargs=True
    )
    with torch.no_grad(), steered(model, 1, edit, pooled=pooled):
        model(PIXELS)
    with torch.no_grad(), steered(model, -2, edit, pooled=pooled):
        model(PIXELS)
    watch.remove()
    torch.testing.assert_close(seen[0], wanted)
    torch.testing.assert_close(seen[1], wanted)
    with torch.no_grad():
        after = model(PIXELS)
    first = before if isinstance(before, Tensor) else before[0]
    torch.testing.assert_close(after if isinstance(after, Tensor) else after[0], first, rtol=0, atol=0)


def test_images_have_their_own_edits_whatever_the_layout_of_the_tower() -> None:
    edit = clamp_each(dictionary(), torch.tensor([5, 9]), torch.tensor([9.0, -4.0]))
    first, second = open_clip_tower(), sequence_first_tower()
    second.load_state_dict(first.state_dict())
    found = []
    for tower in (first, second):
        with torch.no_grad(), steered(tower, 1, edit):
            found.append(tower(PIXELS))
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-5)
    with torch.no_grad(), steered(first, 1, clamp(dictionary(), {9: -4.0})):
        torch.testing.assert_close(first(PIXELS[1:]), found[0][1:], rtol=1e-4, atol=1e-5)


def test_a_bfloat16_tower_keeps_its_precision() -> None:
    model = clip_tower().bfloat16()
    with torch.no_grad(), steered(model, 1, reconstruct(dictionary())):
        assert model(PIXELS.bfloat16()).last_hidden_state.dtype == torch.bfloat16


def test_a_llava_says_something_else_when_its_vision_tower_is_steered() -> None:
    text = LlamaConfig(
        vocab_size=40,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        pad_token_id=0,
    )
    vision = CLIPVisionConfig(**SIZES, image_size=32, patch_size=8)
    config = LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=39, vision_feature_layer=-2, image_seq_length=16
    )
    model = LlavaForConditionalGeneration(config).eval()
    ids = torch.tensor([[39] * 16 + [1, 2]])
    inputs = {"input_ids": ids, "pixel_values": PIXELS[:1], "attention_mask": torch.ones_like(ids)}
    with torch.no_grad():
        before = model(**inputs).logits
        # LLaVA reads the hidden state before the last block, so the block that writes it is number -2.
        with steered(model.model.vision_tower, -2, clamp(dictionary(), {5: 50.0})):
            during = model(**inputs).logits
        with steered(model.model.vision_tower, -1, clamp(dictionary(), {5: 50.0})):
            behind = model(**inputs).logits
        after = model(**inputs).logits
    assert (during - before).abs().max() > 1e-3
    assert torch.equal(behind, before) and torch.equal(after, before)


def test_the_hook_is_removed_after_an_error() -> None:
    model = clip_tower()
    with torch.no_grad():
        before = model(PIXELS).last_hidden_state
        with pytest.raises(ZeroDivisionError), steered(model, 0, shift(rows(1)[0], 5.0)):
            raise ZeroDivisionError
        assert torch.equal(model(PIXELS).last_hidden_state, before)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: reconstruct(random_two_towers("sae_s")), "steering needs .* 'sae_s' is two-tower; train one such as"),
        (lambda: clamp(random_paired("gsae"), {0: 1.0}), "'gsae' is paired; use its `of"),
        (lambda: clamp_each(random_paired("gsae"), torch.tensor([0]), torch.ones(1)), "steering needs .* 'gsae'"),
        (lambda: clamp(dictionary(), {24: 1.0}), "no latent 24: this dictionary has 24, 0 to 23"),
        (lambda: clamp(dictionary(), {-1: 1.0}), "no latent -1"),
        (lambda: clamp(dictionary(), {2: math.nan}), "latent 2 is set to nan; give a finite activation"),
        (lambda: shift(rows()[None], 1.0), r"direction of shape \(1, 7, 16\); give finite numbers"),
        (lambda: shift(rows(1)[0] * math.inf, 1.0), "give finite numbers"),
        (lambda: shift(rows(2), 1.0)(rows(7)), "7 tokens for 2 images; give an edit for every image of the batch"),
        (lambda: each([1, 2], [1.0]), r"shapes \(2,\) and \(1,\); give a latent and a finite value for each image"),
        (lambda: each([1], [math.nan]), "give a latent and a finite value for each image"),
        (lambda: each([3, 24], [1.0, 1.0]), "latents reach from 3 to 24 of 24"),
        (lambda: each([3, 4], [1.0, 1.0])(rows(7)), "7 tokens for 2 images"),
        (lambda: difference_in_means(rows(), rows(0)), r"shapes \(7, 16\) and \(0, 16\); give two filled"),
        (lambda: steered(clip_tower(), 3, reconstruct(dictionary())).__enter__(), "no layer 3: .* 0 to 2"),
        (lambda: steered(nn.Linear(2, 2), 0, reconstruct(dictionary())).__enter__(), "no transformer blocks"),
    ],
)
def test_bad_requests_are_told(make: object, message: str) -> None:
    with pytest.raises(CompanionError, match=message):
        make()  # type: ignore[operator]
