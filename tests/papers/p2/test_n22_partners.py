"""Notebook 22's exam on missing partners: what a kind is to a scene, the questions, and what a list names."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from lib.data.scenes.partners import PARTNER, missing_partners, paired_layout, partner_questions
from lib.data.scenes.questions import NEGATIVES, read
from lib.data.scenes.scene_words import KIND_NAMES, KINDS
from lib.editing.concept_decoding import TowardsEdit
from lib.papers.p2 import n22_partners
from lib.papers.p2.n22_partners import ABOUT, Exam, named, role


@pytest.fixture(scope="module")
def few() -> Exam:
    return Exam("test", 10)


def test_what_a_kind_is_to_a_scene(few: Exam) -> None:
    for row, there in zip(few.rows, few.there, strict=True):
        roles = {about: {kind for kind in range(len(KINDS)) if role(kind, there) == about} for about in ABOUT}
        assert roles["missing partner"] == set(missing_partners(paired_layout("test", 0, row)))
        assert roles["kind beside its partner"] == {kind for kind in there if PARTNER[kind] in there}
        assert roles["other present kind"] | roles["kind beside its partner"] == there


def test_questions_are_about_what_they_say(few: Exam) -> None:
    per_sort = few.questions.groupby("negatives", sort=False)
    assert list(per_sort.groups) == list(NEGATIVES)
    for negatives, table in per_sort:
        expected = [
            (scene, question.prompt, question.answer == "yes")
            for scene, row in enumerate(few.rows)
            for question in partner_questions("test", 0, row, str(negatives))
        ]
        assert [*table[["scene", "prompt", "yes"]].itertuples(index=False, name=None)] == expected
    for scene, prompt, about in few.questions[["scene", "prompt", "about"]].itertuples(index=False):
        assert about == role(read(prompt)[0][1], few.there[scene])


def test_each_question_is_asked_once(few: Exam) -> None:
    assert not few.asked.duplicated(["scene", "prompt"]).any() and set(few.asked.scene) == set(range(10))
    again = few.asked.iloc[few.place].reset_index(drop=True)
    assert again.equals(few.questions[["scene", "prompt", "about"]])
    assert set(few.place) == set(range(len(few.asked)))


def test_answers_in_parts_are_those_of_the_whole(few: Exam, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = few.ask(None)
    monkeypatch.setattr(n22_partners, "_CHUNK", 7)
    parts = few.ask(None)
    assert len(parts.odds) == len(few.asked) > 7
    torch.testing.assert_close(parts.answers.logits, whole.answers.logits, atol=1e-4, rtol=1e-4)
    slow = few.pictures_read.answers(few.scene_of, whole.words, whole.real)
    torch.testing.assert_close(parts.answers.logits, slow.logits, atol=1e-4, rtol=1e-4)
    for block, rows in enumerate(slow.behind):
        real = whole.real
        torch.testing.assert_close(parts.answers.behind[block][real], rows[real], atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(whole.answers.behind[block][real], rows[real], atol=1e-4, rtol=1e-3)


def test_edits_in_parts_are_those_of_the_whole(few: Exam, monkeypatch: pytest.MonkeyPatch) -> None:
    own, d = few.after_own, few.pictures_read.image[0].shape[1]
    targets = torch.randn(len(few.asked), d, generator=torch.Generator().manual_seed(0))
    makers = {layer: partial(lambda layer, rows: TowardsEdit(targets[rows], layer), layer) for layer in (0, 2)}
    monkeypatch.setattr(n22_partners, "_CHUNK", 7)
    for layer, parts in few.edited(makers).items():
        edit = {layer: makers[layer](torch.arange(len(targets)))}
        slow = few.pictures_read.edited(edit, few.scene_of, own.real, own.answers.behind)[layer]
        torch.testing.assert_close(parts, slow, atol=1e-4, rtol=1e-4)
        assert not torch.allclose(slow, own.answers.logits)


def test_odds_are_those_of_the_model_s_own_chances(few: Exam) -> None:
    images = [few.pictures[scene] for scene in few.asked.scene]
    chances = n22_partners.paired_llava().yes_probability(images, list(few.asked.prompt))
    assert torch.from_numpy(few.ask(None).odds).sigmoid().numpy() == pytest.approx(chances, abs=1e-4)


def test_kinds_that_lists_name(few: Exam) -> None:
    lists = ["" for _ in few.rows]
    gone = missing_partners(paired_layout("test", 0, few.rows[0]))
    lists[0] = " and ".join(KIND_NAMES[kind] for kind in [*sorted(few.there[0]), gone[0]])
    table = named(few, lists)
    assert table.groupby("scene").whole.sum().tolist() == [len(KINDS)] * 10
    first = table[table.scene == 0].groupby("about").part.sum()
    assert first["missing partner"] == 1 and first["other absent kind"] == 0
    assert table.part.sum() == len(few.there[0]) + 1
