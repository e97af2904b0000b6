"""A Qwen2-VL with random weights: what it says agrees with a slow reading of its logits, one picture at a time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
from PIL import Image

from lib.base.errors import CompanionError
from lib.editing.steering import shift, steered
from lib.encoders import multimodal_llm
from lib.encoders.hooks import record
from lib.encoders.llava import Llava, load_llava
from lib.encoders.load_llm import load_llm
from lib.encoders.multimodal_llm import MultimodalLLM
from lib.encoders.qwen2_vl import Qwen2VL

from .examples import pictures
from .tiny_qwen2_vl import PATCH, save

PROMPTS = ["is there a cat?", "Describe it.", "is the sky blue, or is it green", "what?"]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("models") / "tiny-qwen2-vl")


@pytest.fixture(scope="session")
def qwen(folder: Path) -> MultimodalLLM:
    return load_llm(folder)


@pytest.fixture(scope="session")
def images() -> list[Image.Image]:
    """Pictures of 2 x 2, 1 x 3, 4 x 4 and 6 x 2 tokens."""
    return [pictures(1, size, seed)[0] for seed, size in enumerate([(36, 28), (16, 48), (64, 64), (90, 30)])]


@torch.no_grad()
def logits_after(qwen: MultimodalLLM, image: Image.Image, prompt: str, said: list[int] | None = None) -> torch.Tensor:
    """Logits (tokens, vocabulary) from the processor's own reading of the template written out, without a cache."""
    text = f"<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>{prompt}<|im_end|>\n<|im_start|>assistant\n"
    inputs = dict(qwen.processor(images=[image], text=[text], return_tensors="pt"))
    more = torch.tensor([said or []], dtype=torch.int64)
    inputs["input_ids"] = torch.cat([inputs["input_ids"], more], dim=1)
    inputs["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros_like(more)], dim=1)
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    return qwen.model(**inputs, use_cache=False).logits[0].double()


def test_what_it_says_of_itself(qwen: MultimodalLLM, folder: Path) -> None:
    assert isinstance(qwen, Qwen2VL) and qwen.name == "tiny-qwen2-vl" and not qwen.model.training
    assert qwen.identity["encoder"] == "qwen2_vl"
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(qwen.identity["sha256"])
    assert str(folder) not in json.dumps(qwen.identity)
    assert {p.dtype for p in qwen.model.parameters()} == {torch.float32}


def test_greedy_answers_agree_with_transformers_and_with_one_token_at_a_time(
    qwen: MultimodalLLM, images: list[Image.Image]
) -> None:
    """Though the model's files ask for sampling and for no repetitions."""
    answers = qwen.generate(images, PROMPTS, 6)
    for answer, image, prompt in zip(answers, images, PROMPTS, strict=True):
        said: list[int] = []
        while len(said) < 6 and qwen.tokenizer.eos_token_id not in said:
            said.append(int(logits_after(qwen, image, prompt, said)[-1].argmax()))
        content = [{"type": "image", "image": image}, {"type": "text", "text": prompt}]
        inputs = qwen.processor.apply_chat_template(
            [{"role": "user", "content": content}],
            tokenize=True,
            add_generation_prompt=True,
            return_dict=True,
            return_tensors="pt",
        )
        own = qwen.model.generate(**inputs, do_sample=False, repetition_penalty=1.0, max_new_tokens=6)
        assert own[0, inputs["input_ids"].shape[1] :].tolist() == said
        assert answer == qwen.tokenizer.decode(said, skip_special_tokens=True).strip()
    assert len(set(answers)) > 1


def test_yes_probabilities_agree_with_the_logits(qwen: MultimodalLLM, images: list[Image.Image]) -> None:
    yes, no = (qwen.tokenizer.convert_tokens_to_ids(words) for words in (["yes", "Yes"], ["no", "No"]))
    assert qwen.first_tokens("yes") == sorted(yes) and qwen.first_tokens("no") == sorted(no)
    for value, image, prompt in zip(qwen.yes_probability(images, PROMPTS), images, PROMPTS, strict=True):
        each = logits_after(qwen, image, prompt)[-1].softmax(0)
        assert value == pytest.approx(float(each[yes].sum() / each[[*yes, *no]].sum()), abs=1e-5)


def test_small_batches_give_the_same(
    qwen: MultimodalLLM, images: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = qwen.yes_probability(images, PROMPTS)
    said = qwen.generate(images, PROMPTS, 4)
    for size in (1, 3):
        monkeypatch.setattr(multimodal_llm, "BATCH", size)
        np.testing.assert_allclose(qwen.yes_probability(images, PROMPTS), whole, atol=1e-3)
        assert qwen.generate(images, PROMPTS, 4) == said


def test_places_count_time_rows_and_columns(qwen: MultimodalLLM, images: list[Image.Image]) -> None:
    """By hand, from the first token that is no padding; words go on after the longer side of the picture."""
    (inputs,) = qwen.batches(images, PROMPTS)
    seen: list[torch.Tensor] = []
    handle = qwen.model.model.language_model.register_forward_pre_hook(
        lambda _module, _args, around: seen.append(around["position_ids"]), with_kwargs=True
    )
    with torch.no_grad():
        qwen.model(**qwen.placed(inputs))
    handle.remove()
    start = len(qwen.tokenizer("<|im_start|>user\n<|vision_start|>")["input_ids"])
    sides = [(2, 2), (1, 3), (4, 4), (6, 2)]
    assert inputs["image_grid_thw"].tolist() == [[1, 2 * rows, 2 * columns] for rows, columns in sides]
    for row, (rows, columns) in enumerate(sides):
        real = int(inputs["attention_mask"][row].sum())
        expected = [(n, n, n) for n in range(start)]
        expected += [(start, start + y, start + x) for y in range(rows) for x in range(columns)]
        after = range(start + max(rows, columns), start + max(rows, columns) + real - len(expected))
        expected += [(n, n, n) for n in after]
        assert seen[0][-3:, row, -real:].T.tolist() == [list(place) for place in expected]


def test_words_can_be_added_to_inputs(qwen: MultimodalLLM, images: list[Image.Image]) -> None:
    (inputs,) = qwen.batches(images, PROMPTS)
    alone = qwen.placed(inputs)["mm_token_type_ids"]
    assert alone.tolist() == inputs["mm_token_type_ids"].tolist()
    tokens = torch.cat([inputs["input_ids"], torch.ones(4, 2, dtype=torch.int64)], dim=1)
    longer = qwen.placed({**inputs, "input_ids": tokens})["mm_token_type_ids"]
    assert torch.equal(longer, torch.cat([alone, torch.zeros(4, 2, dtype=torch.int32)], dim=1))


def test_noise_is_of_the_picture_and_not_of_its_copies(qwen: MultimodalLLM) -> None:
    (image,) = pictures(1, (64, 64))
    pixels = qwen.processor.image_processor([image], return_tensors="pt")["pixel_values"]
    noise = qwen.noise_for(pixels, torch.Generator().manual_seed(0))
    assert noise.shape == pixels.shape and noise.std() == pytest.approx(1, abs=0.05)
    for values in (pixels, noise):
        frames = values.view(64, 3, 2, PATCH, PATCH)
        assert torch.equal(frames[:, :, 0], frames[:, :, 1])
        assert not torch.equal(frames[:, 0], frames[:, 1]) and not torch.equal(frames[0], frames[1])
    assert torch.equal(noise, qwen.noise_for(pixels, torch.Generator().manual_seed(0)))


def test_any_mode_of_picture_is_taken(qwen: MultimodalLLM, images: list[Image.Image]) -> None:
    grey = [image.convert("L") for image in images]
    rgb = [image.convert("RGB") for image in grey]
    np.testing.assert_allclose(qwen.yes_probability(grey, PROMPTS), qwen.yes_probability(rgb, PROMPTS))


def test_its_image_tower_is_neither_recorded_nor_steered(qwen: MultimodalLLM) -> None:
    message = "reads its pictures as one sequence without a batch, and cannot be recorded or steered; use a LLaVA"
    with pytest.raises(CompanionError, match=message), record(qwen.vision_tower, [0], "patches"):
        pass
    with pytest.raises(CompanionError, match=message), steered(qwen.vision_tower, 0, shift(torch.ones(32), 1.0)):
        pass


@pytest.mark.parametrize(
    ("sizes", "prompts", "message"),
    [
        ([], [], "0 images, 0 prompts; give one prompt for each"),
        ([(9, 9)] * 2, ["what?"], "2 images, 1 prompts"),
        ([(9, 9)], [" "], "' ' is not a text to ask"),
        ([(9, 9)], ["a <|image_pad|>"], "contains the picture's own token; ask without it"),
        ([(3, 900)], ["what?"], "tiny-qwen2-vl: its processor refuses a picture .*aspect ratio"),
        ([(0, 9)], ["what?"], "tiny-qwen2-vl: its processor refuses a picture"),
    ],
)
def test_bad_questions_are_told_in_one_line(qwen: MultimodalLLM, sizes: list, prompts: list[str], message: str) -> None:
    with pytest.raises(CompanionError, match=message) as caught:
        qwen.yes_probability([Image.new("RGB", size) for size in sizes], prompts)
    assert "\n" not in str(caught.value)


def test_the_config_picks_the_class(folder: Path, tmp_path: Path) -> None:
    assert type(load_llm("scenes-llava")) is Llava
    with pytest.raises(CompanionError, match=r"its config is that of 'qwen2_vl'; give the folder of a LLaVA$"):
        load_llava(folder)
    with pytest.raises(
        CompanionError, match=r"no LLaVA or Qwen2-VL 'qwen'.*a shipped model \(paired-llava, scenes-llava\)$"
    ):
        load_llm("qwen")
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"model_type": "qwen2_5_vl"}))
    with pytest.raises(CompanionError, match=r"is that of 'qwen2_5_vl'; give the folder of a LLaVA or Qwen2-VL$"):
        load_llm(other)
    (other / "config.json").write_text(json.dumps(config))
    (other / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(CompanionError, match="its files do not make a Qwen2-VL") as caught:
        load_llm(other)
    assert "\n" not in str(caught.value)


def test_the_older_layout_of_the_hub_is_read(
    folder: Path, qwen: MultimodalLLM, images: list[Image.Image], tmp_path: Path
) -> None:
    """As Qwen2-VL-7B-Instruct has it: one flat config, the template in a JSON, the picture's preparation by itself."""
    older = Path(shutil.copytree(folder, tmp_path / "older"))
    config = json.loads((older / "config.json").read_text())
    words, look = config.pop("text_config"), config.pop("vision_config")
    rope = words.pop("rope_parameters")
    flat = config | {key: words[key] for key in words if key not in ("model_type", "layer_types")}
    flat |= {"rope_theta": rope["rope_theta"], "torch_dtype": "bfloat16", "sliding_window": 32768}
    flat["rope_scaling"] = {"type": "mrope", "mrope_section": rope["mrope_section"]}
    flat["vision_config"] = {key: look[key] for key in look if key not in ("model_type", "rope_parameters")}
    (older / "config.json").write_text(json.dumps(flat))
    prepared = json.loads((older / "processor_config.json").read_text())["image_processor"]
    size = prepared.pop("size")
    prepared |= {"min_pixels": size["shortest_edge"], "max_pixels": size["longest_edge"]}
    (older / "preprocessor_config.json").write_text(json.dumps(prepared | {"processor_class": "Qwen2VLProcessor"}))
    template = (older / "chat_template.jinja").read_text()
    (older / "chat_template.json").write_text(json.dumps({"chat_template": template}))
    for name in ("processor_config.json", "chat_template.jinja"):
        (older / name).unlink()
    loaded = load_llm(older)
    np.testing.assert_array_equal(loaded.yes_probability(images, PROMPTS), qwen.yes_probability(images, PROMPTS))
    assert loaded.generate(images, PROMPTS, 3) == qwen.generate(images, PROMPTS, 3)


def test_hub_models_come_from_the_cache_at_their_revision(
    folder: Path, qwen: MultimodalLLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = "0123456789abcdef0123456789abcdef01234567"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    shutil.copytree(folder, tmp_path / "models--someone--tiny" / "snapshots" / revision)
    loaded = load_llm("hf-hub:someone/tiny", revision=revision)
    assert loaded.name == "someone/tiny" and loaded.identity == qwen.identity
