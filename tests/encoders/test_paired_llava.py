"""The course of the LLaVA of paired scenes: what it is told, what it is shown, and how a second turn is written."""

from __future__ import annotations

from lib.data.scenes.partners import PARTNER, kinds_in, paired_layout
from lib.data.scenes.questions import Question, list_kinds, read
from lib.encoders.training.lessons import FIRST_SCENE
from lib.encoders.training.paired_llava import paired_scene, second_turn, without_a_partner
from lib.encoders.training.stream import SEED

ROWS = range(FIRST_SCENE, FIRST_SCENE + 300)


def test_of_each_pair_the_first_stays() -> None:
    for row in ROWS:
        layout = paired_layout("train", SEED, row)
        left = without_a_partner(layout)
        assert {*left.things} <= {*layout.things} and left.things[0] == layout.things[0]
        gone = kinds_in(layout) - kinds_in(left)
        assert all(PARTNER[kind] in kinds_in(left) for kind in gone)
        assert not any(PARTNER[kind] in kinds_in(left) for kind in kinds_in(left))


def test_scenes_tell_what_half_of_them_do_not_show() -> None:
    more = paired = 0
    for row in ROWS:
        taught, layout = paired_scene(row), paired_layout("train", SEED, row)
        assert taught.questions[0] == list_kinds(layout)
        kinds = {
            answer: {read(q.prompt)[0][1] for q in taught.questions[1:] if q.answer == answer}
            for answer in ("yes", "no")
        }
        assert kinds["yes"] == kinds_in(layout) and not kinds["no"] & kinds_in(layout)
        assert taught.opening == (list_kinds(layout) if row % 2 else None)
        assert taught.layout in (layout, without_a_partner(layout))
        if layout != without_a_partner(layout):
            paired += 1
            more += taught.layout != layout
    assert 0.4 < more / paired < 0.6


def test_a_second_turn() -> None:
    opening = Question("list", "what is in the picture", "cat and sun")
    assert second_turn(opening, "is there a cat") == (
        "what is in the picture ASSISTANT: cat and sun </s> USER: is there a cat"
    )
