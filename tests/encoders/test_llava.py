"""A LLaVA with random weights: what it says agrees with a slow reading of its logits, one picture at a time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from lib.base.errors import CompanionError, NotAvailable
from lib.base.places import MODELS
from lib.data.scenes.questions import list_kinds, object_questions, read
from lib.data.scenes.scene_pairs import layout_of, picture_of
from lib.editing.steering import shift, steered
from lib.encoders import multimodal_llm
from lib.encoders.clip import load_clip
from lib.encoders.hooks import record
from lib.encoders.llava import Llava, load_llava
from lib.encoders.training.scenes_llava import make_model, make_processor
from lib.encoders.vision_tower import to_transformers

from .examples import pictures

PROMPTS = ["describe the picture", "is there a cat", "is the background sky blue", "name the main object"]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped configuration with a shallow decoder and weights that make it sure of something."""
    folder = tmp_path_factory.mktemp("models") / "tiny-llava"
    processor = make_processor()
    model = make_model(processor.tokenizer, seed=0, layers=1)
    generator = torch.Generator().manual_seed(0)
    for name, parameter in model.named_parameters():
        if "vision_tower" not in name:
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def llava(folder: Path) -> Llava:
    return load_llava(folder)


@pytest.fixture(scope="session")
def images() -> list[Image.Image]:
    return pictures(4, (64, 64))


@torch.no_grad()
def logits_after(llava: Llava, image: Image.Image, text: str) -> torch.Tensor:
    """The next token's logits, from pixels and words by hand."""
    clip_pixels = (torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255 - 0.5) / 0.25
    words = ["USER:", *["<image>"] * 64, *text.split()]
    tokens = torch.tensor([[llava.tokenizer.get_vocab()[word] for word in words]])
    return llava.model(input_ids=tokens, pixel_values=clip_pixels, use_cache=False).logits[0, -1].double()


def test_what_it_says_of_itself(llava: Llava, folder: Path) -> None:
    assert llava.name == "tiny-llava" and not llava.model.training
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(llava.identity["sha256"])
    assert str(folder) not in json.dumps(llava.identity)
    assert {p.dtype for p in llava.model.parameters()} == {torch.float32}


def test_greedy_answers_agree_with_one_token_at_a_time(llava: Llava, images: list[Image.Image]) -> None:
    expected = []
    for image, prompt in zip(images, PROMPTS, strict=True):
        said: list[str] = []
        for _ in range(5):
            token = int(logits_after(llava, image, " ".join([prompt, "ASSISTANT:", *said])).argmax())
            if token == llava.tokenizer.eos_token_id:
                break
            said.append(llava.tokenizer.convert_ids_to_tokens(token))
        expected.append(" ".join(said))
    answers = llava.generate(images, PROMPTS, 5)
    assert [a.split() for a in answers] == [[w for w in e.split() if not w.startswith("<")] for e in expected]
    assert answers == llava.generate(images, PROMPTS, 5)


def test_yes_probabilities_agree_with_the_logits(llava: Llava, images: list[Image.Image]) -> None:
    yes, no = llava.tokenizer.convert_tokens_to_ids(["yes", "no"])
    probability = llava.yes_probability(images, PROMPTS)
    for value, image, prompt in zip(probability, images, PROMPTS, strict=True):
        each = logits_after(llava, image, f"{prompt} ASSISTANT:").softmax(0)
        assert value == pytest.approx(float(each[yes] / (each[yes] + each[no])), abs=1e-4)


def test_small_batches_give_the_same(llava: Llava, images: list[Image.Image], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = llava.yes_probability(images, PROMPTS)
    said = llava.generate(images, PROMPTS, 4)
    monkeypatch.setattr(multimodal_llm, "BATCH", 3)
    np.testing.assert_allclose(llava.yes_probability(images, PROMPTS), whole, atol=1e-4)
    assert llava.generate(images, PROMPTS, 4) == said


def test_any_size_and_mode_of_picture_is_taken(llava: Llava) -> None:
    grey = [image.convert("L") for image in pictures(2, (40, 90))]
    rgb = [image.convert("RGB") for image in grey]
    np.testing.assert_allclose(llava.yes_probability(grey, PROMPTS[:2]), llava.yes_probability(rgb, PROMPTS[:2]))


def test_it_reads_the_next_to_last_block_and_steering_reaches_it(llava: Llava, images: list[Image.Image]) -> None:
    plain = llava.yes_probability(images, PROMPTS)
    direction = torch.ones(192)
    with steered(llava.vision_tower, -1, shift(direction, 3.0)):
        np.testing.assert_array_equal(llava.yes_probability(images, PROMPTS), plain)
    with steered(llava.vision_tower, -2, shift(direction, 0.0)):
        np.testing.assert_allclose(llava.yes_probability(images, PROMPTS), plain, atol=1e-6)
    with steered(llava.vision_tower, -2, shift(direction, 3.0)), record(llava.vision_tower, [2], "all") as recorded:
        assert np.abs(llava.yes_probability(images, PROMPTS) - plain).max() > 1e-3
        llava.generate(images, PROMPTS, 3)
    assert [tuple(hidden.shape) for hidden in recorded[2]] == [(4, 65, 192)] * 2  # the pictures are seen once an answer


@pytest.mark.parametrize(
    ("count", "prompts", "message"),
    [
        (0, [], "0 images, 0 prompts; give one prompt for each"),
        (2, ["is there a cat"], "2 images, 1 prompts"),
        (1, ["is there a dog"], "tiny-llava does not know the word 'dog'"),
        (1, ["is there a cat?"], r"does not know the word 'cat\?'"),
        (1, [" "], "' ' is not a text to ask"),
        (1, [3], "3 is not a text to ask"),
        (1, ["is <image> there"], "'is <image> there' contains the picture's own token; ask without it"),
    ],
)
def test_bad_questions_are_told_in_one_line(llava: Llava, count: int, prompts: list, message: str) -> None:
    for ask in (llava.yes_probability, lambda i, p: llava.generate(i, p, 3)):
        with pytest.raises(CompanionError, match=message) as caught:
            ask(pictures(count), prompts)
        assert "\n" not in str(caught.value)


def test_other_bad_inputs_are_told(llava: Llava, images: list[Image.Image]) -> None:
    with pytest.raises(CompanionError, match="an image is a ndarray"):
        llava.yes_probability([np.zeros((64, 64, 3))], ["is there a cat"])  # type: ignore[list-item]
    with pytest.raises(CompanionError, match="max_new_tokens is 0"):
        llava.generate(images[:1], PROMPTS[:1], 0)


def _no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def _other_type(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "bert"}')


def _no_weights(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _cut(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:5000])


def _lacks_one(folder: Path) -> None:
    weights = {k: v.clone() for k, v in load_file(folder / "model.safetensors").items()}
    save_file(
        {k: v for k, v in weights.items() if "linear_1.bias" not in k}, folder / "model.safetensors", {"format": "pt"}
    )


def _not_a_number(folder: Path) -> None:
    weights = {k: v.clone() for k, v in load_file(folder / "model.safetensors").items()}
    next(v for k, v in weights.items() if "linear_1.bias" in k)[0] = torch.nan
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_no_config, "its config is that of None; give the folder"),
        (_other_type, "its config is that of 'bert'; give"),
        (_no_weights, "has no weights in safetensors"),
        (_cut, "its files do not make a LLaVA"),
        (_lacks_one, "do not fit, first at '.*linear_1.bias'"),
        (_not_a_number, "weights '.*linear_1.bias' contain NaN"),
    ],
)
def test_damaged_folders_are_refused(damage: Callable, message: str, folder: Path, tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(folder, tmp_path / "damaged"))
    damage(damaged)
    with pytest.raises(CompanionError, match=message) as caught:
        load_llava(damaged)
    assert "\n" not in str(caught.value)


def test_unknown_names_come_with_the_shipped_ones() -> None:
    with pytest.raises(CompanionError, match=r"no LLaVA 'llava-2'.*shipped model \(paired-llava, scenes-llava\)"):
        load_llava("llava-2")


def test_hub_models_come_from_the_cache_at_their_revision(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = "0123456789abcdef0123456789abcdef01234567"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    shutil.copytree(folder, tmp_path / "models--someone--tiny" / "snapshots" / revision)
    loaded = load_llava("hf-hub:someone/tiny", revision=revision)
    assert loaded.name == "someone/tiny" and loaded.identity == load_llava(folder).identity
    with pytest.raises(NotAvailable, match="someone/tiny at v1 is not in the hub cache"):
        load_llava("hf-hub:someone/tiny", revision="v1")
    with pytest.raises(CompanionError, match="the hub does not give a/b/c"):
        load_llava("hf-hub:a/b/c")


@pytest.fixture(scope="module")
def shipped() -> Llava:
    return load_llava("scenes-llava")


@pytest.mark.parametrize("name", ["scenes-llava", "paired-llava"])
def test_a_shipped_model_is_small_and_sees_with_the_shipped_clip(name: str) -> None:
    shipped = load_llava(name)
    assert (MODELS / name / "model.safetensors").stat().st_size < 15e6
    ours, clips = shipped.vision_tower.state_dict(), to_transformers(load_clip("scenes-clip").visual).state_dict()
    assert ours.keys() == clips.keys()
    assert all(torch.equal(ours[part], clips[part]) for part in ours), f"scenes-clip was changed: train {name} again"
    known = make_processor()
    assert shipped.tokenizer.get_vocab() == known.tokenizer.get_vocab()
    assert shipped.processor.chat_template == known.chat_template


def test_the_shipped_model_knows_its_world(shipped: Llava) -> None:
    rows = range(40)
    images = [Image.fromarray(picture_of("test", 0, row)) for row in rows]
    truth = [list_kinds(layout_of("test", 0, row)) for row in rows]
    said = [set(read(answer)) for answer in shipped.generate(images, [q.prompt for q in truth], 20)]
    true = [set(read(question.answer)) for question in truth]
    both = sum(len(s & t) for s, t in zip(said, true, strict=True))
    assert both > 0.75 * sum(map(len, said)) and both > 0.75 * sum(map(len, true))
    asked = [
        (image, q) for row, image in zip(rows, images, strict=True) for q in object_questions("test", 0, row, "random")
    ]
    yes = shipped.yes_probability([image for image, _ in asked], [q.prompt for _, q in asked]) > 0.5
    assert np.mean(yes == np.array([q.answer == "yes" for _, q in asked])) > 0.8
