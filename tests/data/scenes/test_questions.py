"""Questions about scenes: the same on every machine, balanced, in known words, and true by a slow second look."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.data.procedural import SILENT, SPLITS
from lib.data.scenes import scenes
from lib.data.scenes.layout import Layout, held_out
from lib.data.scenes.questions import (
    NEGATIVES,
    QUESTION_FAMILIES,
    Question,
    describe,
    frequent_kinds,
    list_kinds,
    name_main,
    object_questions,
    random_of,
    read,
    vocabulary,
    yes_no_questions,
)
from lib.data.scenes.scene_grammar import FACTORS, VALUES, factors, things_table
from lib.data.scenes.scene_pairs import layout_of
from lib.data.scenes.scene_words import GROUP_OF, KIND_NAMES, KINDS, TURNS

QUESTIONS_SHA256 = "08a056b94b1588eff3911799b51c3d035e49b8879af9ff2f5eb27fb4f884b1a6"
ROWS = st.integers(0, 10**6)


def asked(row: int, split: str = "test") -> tuple[Layout, list[Question]]:
    layout = layout_of(split, 0, row)
    whole = [describe(layout), list_kinds(layout), name_main(layout)]
    return layout, [*whole, *yes_no_questions(layout, random_of(split, 0, row))]


def is_true(prompt: str, layout: Layout) -> bool:
    """The answer to a yes/no question from its words alone, one object at a time."""
    facts = read(prompt)
    if prompt.startswith("is the background"):
        return all(factors(layout)[factor] == value for factor, value in facts)
    objects = [dict(enumerate(row.tolist())) for row in things_table(layout) if row[0] != SILENT]
    return any(all(thing[factor] == value for factor, value in facts) for thing in objects)


def test_the_same_questions_on_any_machine() -> None:
    texts = [str(question) for split in SPLITS for row in range(50) for question in asked(row, split)[1]]
    texts += [str(q) for row in range(50) for kind in NEGATIVES for q in object_questions("test", 0, row, kind)]
    assert hashlib.sha256("\n".join(texts).encode()).hexdigest() == QUESTIONS_SHA256


@given(ROWS)
def test_answers_are_true_and_balanced(row: int) -> None:
    layout, questions = asked(row)
    yes_no = questions[3:]
    assert [q.family for q in questions] == [
        *QUESTION_FAMILIES[:3],
        *(f for f in QUESTION_FAMILIES[3:] for _ in range(2)),
    ]
    assert [q.answer for q in yes_no] == ["yes", "no"] * 4
    for question in yes_no:
        assert is_true(question.prompt, layout) == (question.answer == "yes"), question


@given(ROWS)
def test_descriptions_lists_and_main_objects_read_back(row: int) -> None:
    layout, (description, listing, main, *_) = asked(row)
    told = [FACTORS.index(name) for name in FACTORS if not name.startswith("other")]
    expected = {(factor, int(factors(layout)[factor])) for factor in told if factors(layout)[factor] != SILENT}
    assert set(read(description.answer)) == expected and len(read(description.answer)) == len(expected)
    kinds = sorted({thing.kind for thing in layout.things})
    assert read(listing.answer) == [(0, kind) for kind in kinds]
    assert main.answer == KIND_NAMES[layout.things[0].kind]


@pytest.mark.parametrize("negatives", NEGATIVES)
def test_object_questions_are_true_balanced_and_different(negatives: str) -> None:
    for row in range(100):
        layout, questions = layout_of("dev", 3, row), object_questions("dev", 3, row, negatives)
        present = {thing.kind for thing in layout.things}
        kinds = {answer: [read(q.prompt)[0][1] for q in questions if q.answer == answer] for answer in ("yes", "no")}
        assert kinds["yes"] == sorted(present) and not present & set(kinds["no"])
        assert len(set(kinds["no"])) == len(kinds["no"]) == len(kinds["yes"])
        if negatives == "adversarial" and len(present) < 4:
            assert {GROUP_OF[kind] for kind in kinds["no"]} <= {GROUP_OF[kind] for kind in present}
        if negatives == "frequent":
            assert set(kinds["no"]) <= frequent_kinds("dev", 3)


def test_frequent_kinds_are_the_most_frequent_ones() -> None:
    counts = np.zeros(len(KINDS), dtype=int)
    for row in range(500):
        counts[list({thing.kind for thing in layout_of("test", 0, row).things})] += 1
    often = sorted(frequent_kinds("test", 0))
    assert len(often) == 16 and counts[often].min() >= np.sort(counts)[-16]


def test_no_answer_no_tells_a_combination_that_training_never_shows() -> None:
    told = [
        [kind_or_colour for _, kind_or_colour in sorted(read(question.prompt))]
        for row in range(300)
        for question in asked(row, "train")[1]
        if {factor for factor, _ in read(question.prompt)} == {0, 1} and question.answer == "no"
    ]
    assert len(told) > 300 and not any(held_out(kind, colour) for kind, colour in told)


def test_every_other_no_is_hard() -> None:
    kin = 0
    for row in range(300):
        layout, questions = asked(row)
        absent = read(questions[4].prompt)[0][1]
        kin += GROUP_OF[absent] in {GROUP_OF[thing.kind] for thing in layout.things}
    assert 130 < kin < 200


@given(ROWS)
def test_turns_are_asked_only_where_they_show(row: int) -> None:
    _, questions = asked(row)
    for question in questions:
        facts = dict(read(question.prompt))
        if question.family == "attribute" and 4 in facts:
            assert KINDS[facts[0]].turned and VALUES[4] == TURNS


@given(ROWS)
def test_all_words_are_in_the_vocabulary(row: int) -> None:
    words = set(vocabulary())
    texts = [text for question in asked(row)[1] for text in (question.prompt, question.answer)]
    assert {word for text in texts for word in text.split()} <= words


def test_the_vocabulary_is_that_of_the_grammar() -> None:
    words = {word for pair in scenes("train", 600).captions for caption in pair for word in caption.split()}
    assert words <= set(vocabulary())
    assert list(vocabulary()) == sorted(set(vocabulary()))


def test_reading_takes_the_longest_match_and_passes_over_the_rest() -> None:
    kind = KIND_NAMES.index
    assert read("a double note and a note") == [(0, kind("double note")), (0, kind("note"))]
    assert read("warning triangle triangle") == [(0, kind("warning triangle")), (0, kind("triangle"))]
    assert read("a blue thing on a sky blue background") == [(1, 5), (9, 4)]
    assert read("a kitten tilted to the left at the left side") == [(0, kind("cat")), (4, 1), (5, 0)]
    assert read("two objects in all") == [(11, 1)] and read("two sun") == [(0, kind("sun"))]
    assert read("") == [] == read("nothing of this world")


def test_every_value_reads_back_by_every_name() -> None:
    for number, kind in enumerate(KINDS):
        assert all(read(name) == [(0, number)] for name in kind.names)


def test_unknown_splits_and_negatives_are_refused() -> None:
    with pytest.raises(CompanionError, match="no split 'tset'; known: train, dev, test, novel"):
        random_of("tset", 0, 0)
    with pytest.raises(CompanionError, match="unknown negatives 'popular'; choose one of random, frequent"):
        object_questions("test", 0, 0, "popular")
