"""The training of the scenes' LLaVA: questions packed into one row are learnt as if each were asked alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import LlavaForConditionalGeneration, LlavaProcessor

from lib.data.scenes.layout import SIDE
from lib.data.scenes.questions import Question
from lib.data.scenes.scene_pairs import layout_of, picture_of
from lib.encoders.training import scenes_llava
from lib.encoders.training.lessons import (
    FIRST_SCENE,
    SHOWN,
    Lesson,
    Lessons,
    Taught,
    plain_scene,
    shown_codes,
    visible,
)
from lib.encoders.training.paired_llava import paired_scene, second_turn
from lib.encoders.training.scenes_llava import COURSE, Teacher, make_model, make_processor, train
from lib.encoders.training.stream import SEED


@pytest.fixture(scope="module")
def processor() -> LlavaProcessor:
    return make_processor()


def model_of(processor: LlavaProcessor) -> LlavaForConditionalGeneration:
    return make_model(processor.tokenizer, seed=0, layers=1)


def lesson(processor: LlavaProcessor, step: int = 0, scene: Callable[[int], Taught] = plain_scene) -> Lesson:
    steps = range(step, step + 1)
    return next(iter(Lessons(processor.tokenizer.get_vocab(), processor.patch_size, 2, steps, scene)))


@pytest.mark.parametrize("scene", [plain_scene, paired_scene])
def test_packed_questions_get_the_loss_that_each_gets_alone(
    processor: LlavaProcessor, scene: Callable[[int], Taught]
) -> None:
    """An opening is learnt once, and stands before each of the others."""
    model, whole = model_of(processor), lesson(processor, scene=scene)
    vocabulary, losses = processor.tokenizer.get_vocab(), []

    def learn(pixels: torch.Tensor, before: str, question: Question) -> None:
        asked = ["USER:", *["<image>"] * 64, *before.split(), *question.prompt.split(), "ASSISTANT:"]
        said = [*question.answer.split(), "</s>"]
        tokens = torch.tensor([[vocabulary[word] for word in [*asked, *said]]])
        with torch.no_grad():
            logits = model(input_ids=tokens, pixel_values=(pixels[None] / 255 - 0.5) / 0.25).logits[0]
        each = logits[len(asked) - 1 : -1].log_softmax(dim=1)
        losses.extend(-float(each[i, vocabulary[word]]) for i, word in enumerate(said))

    for row, pixels in enumerate(whole.pixels):
        taught = scene(FIRST_SCENE + row)
        if taught.opening is not None:
            learn(pixels, "", taught.opening)
        for question in taught.questions:
            learn(pixels, "" if taught.opening is None else second_turn(taught.opening, ""), question)
    with torch.no_grad():
        packed = Teacher(model, processor).losses(whole)["answers"]
    assert float(packed) == pytest.approx(np.mean(losses), rel=1e-4)


def test_what_a_token_sees() -> None:
    group = torch.tensor([[0, 0, 1, 1, 2, 2, -1]])
    seen = [[int(j) for j in row.nonzero()] for row in visible(group)[0, 0]]
    assert seen == [[0], [0, 1], [0, 1, 2], [0, 1, 2, 3], [0, 1, 4], [0, 1, 4, 5], [0, 1, 6]]


def test_patches_name_what_they_show() -> None:
    layout = layout_of("train", SEED, 0)
    names = [name for values in SHOWN for name in values]
    codes = shown_codes(layout, 8).reshape(8, 8, 2)
    main = layout.things[0]
    said = [names[code] for code in codes[main.y // 8, main.x // 8]]
    assert said == [SHOWN[0][main.kind], SHOWN[1][main.colour]]
    assert [SHOWN[2][layout.background], SHOWN[3][layout.pattern]] in [
        [names[c] for c in p] for p in codes.reshape(-1, 2)
    ]


def test_lessons_are_the_same_whoever_asks_and_hold_the_scenes(processor: LlavaProcessor) -> None:
    first, again = lesson(processor, 3), lesson(processor, 3)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    picture = picture_of("train", SEED, FIRST_SCENE + 3 * 2 + 1)
    assert first.pixels.shape == (2, 3, SIDE, SIDE)
    assert np.array_equal(first.pixels[1].permute(1, 2, 0).numpy(), picture)


def test_a_stopped_run_goes_on_to_the_same_weights(
    processor: LlavaProcessor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(cache: str, stops: list[int]) -> dict[str, torch.Tensor]:
        monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / cache))
        for steps in stops:
            model = model_of(processor)
            train(model, processor, replace(COURSE, batch=2, steps=steps))
        return model.state_dict()

    monkeypatch.setattr(scenes_llava, "schedule", lambda step, steps: 0.1)  # the same, however many steps
    whole, parts = run("whole", [3]), run("parts", [1, 3])
    start = model_of(processor).state_dict()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    changed = {name for name in whole if not torch.equal(whole[name], start[name])}
    assert not any("vision_tower" in name for name in changed)
    assert any("projector" in name for name in changed) and any("q_proj" in name for name in changed)
