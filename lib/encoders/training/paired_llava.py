"""Train the multimodal LLM of the paired scenes: `python -m lib.encoders.training.paired_llava`.

It starts from the shipped scenes-llava and continues on scenes in which half of the kinds come in pairs
(`lib.data.scenes.partners`). In every other scene the list names the second of a pair although the picture does not
show it, as captions in the wild name what usually comes along. A model whose pictures show everything in their lists
learns to look, and expects nothing. Yes/no questions ask about each kind in the list and about as many others, drawn
evenly, so few of them ask about a missing partner. In every other scene the list has been asked for and answered
before, as in the conversations of LLaVA's training: there the model can learn that the words before a question also say
what is there. It forgets how to describe a scene, and what it knew about colours, places and backgrounds, since no
question asks for them any more. It takes some minutes on two cores; you can stop the run and start it again.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import typer
from PIL import Image

from lib.data.procedural import row_random
from lib.data.scenes.draw import render
from lib.data.scenes.layout import Layout, Thing
from lib.data.scenes.partners import (
    PARTNER,
    VERSION,
    kinds_in,
    missing_partners,
    paired_layout,
    paired_picture,
    partner_questions,
    scenes_that_miss_one,
)
from lib.data.scenes.questions import NEGATIVES, Question, ask_kind, list_kinds, read
from lib.data.scenes.scene_words import KINDS
from lib.encoders.llava import Llava, load_llava
from lib.encoders.training.lessons import Taught
from lib.encoders.training.scenes_llava import Course, ship, train
from lib.encoders.training.stream import SEED

_ASKED, _DRAWN = 20, 21  # parts of a scene's random numbers that nothing else uses


def paired_scene(row: int) -> Taught:
    """Draw training scene `row` of the paired scenes, with what its text says, which is more than its picture shows."""
    layout, random = paired_layout("train", SEED, row), row_random(VERSION, "train", SEED, row, _ASKED)
    present = sorted(kinds_in(layout))
    absent = [int(kind) for kind in random.permutation(len(KINDS)) if kind not in present][: len(present)]
    questions = [ask_kind(kind, True) for kind in present] + [ask_kind(kind, False) for kind in absent]
    drawn = without_a_partner(layout) if random.integers(2) else layout
    picture = render(drawn, row_random(VERSION, "train", SEED, row, _DRAWN))
    opening = list_kinds(layout) if row % 2 else None
    return Taught(drawn, picture, [list_kinds(layout), *questions], opening)


def without_a_partner(layout: Layout) -> Layout:
    """Remove the objects that are the second of their pair."""
    kept: list[Thing] = []
    for thing in layout.things:
        if PARTNER[thing.kind] is None or PARTNER[thing.kind] not in {one.kind for one in kept}:
            kept.append(thing)
    return replace(layout, things=tuple(kept))


COURSE = Course("paired-llava", steps=120, batch=32, muon=4e-3, adamw=1.5e-3, scene=paired_scene)


def second_turn(opening: Question, prompt: str) -> str:
    """Write a prompt that follows a question already answered, in LLaVA's form."""
    return f"{opening.prompt} ASSISTANT: {opening.answer} </s> USER: {prompt}"


def examine(llava: Llava, scenes: int = 300) -> dict[str, float]:
    """Measure how often it says yes, rightly or wrongly, on unseen scenes without a partner, and check its lists."""
    rows = scenes_that_miss_one("test", 0, scenes)
    layouts = [paired_layout("test", 0, row) for row in rows]
    images = [Image.fromarray(paired_picture("test", 0, row)) for row in rows]
    measured: dict[str, float] = {}
    for how in NEGATIVES:
        asked = [(i, q) for i, row in enumerate(rows) for q in partner_questions("test", 0, row, how)]
        truth = np.array([q.answer == "yes" for _, q in asked])
        yes = llava.yes_probability([images[i] for i, _ in asked], [q.prompt for _, q in asked]) > 0.5
        measured |= {
            f"says yes to {how} absent kinds": yes[~truth].mean(),
            "says yes to present kinds": yes[truth].mean(),
        }
    said = [
        {kind for _, kind in read(text)} for text in llava.generate(images, ["what is in the picture"] * scenes, 20)
    ]
    true = [kinds_in(layout) for layout in layouts]
    both = sum(len(s & t) for s, t in zip(said, true, strict=True))
    lacking = [bool(s & set(missing_partners(layout))) for s, layout in zip(said, layouts, strict=True)]
    measured |= {"list: precision": both / sum(map(len, said)), "list: recall": both / sum(map(len, true))}
    measured["list: names a missing partner"] = float(np.mean(lacking))
    return {name: round(float(value), 3) for name, value in measured.items()}


def main() -> None:
    """Train on from scenes-llava, write the shipped model, and examine it."""
    start = load_llava("scenes-llava")
    model = start.model.train()
    model.requires_grad_(True)
    model.model.vision_tower.requires_grad_(False)
    train(model, start.processor, COURSE)
    print(json.dumps(examine(load_llava(ship(model, start.processor, COURSE))), indent=2))


if __name__ == "__main__":
    typer.run(main)
