"""Forms of the oracle in notebook 22: which words move where, what must hold exactly, and how gains are counted."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from lib.data.scenes.scene_words import KIND_NAMES, KINDS
from lib.papers.p2 import n22_forms
from lib.papers.p2.n22_forms import ALONE, EACH, FORMS, LOGITS, ONE, PICTURE, Towards, form_odds, gain, same_words
from lib.papers.p2.n22_partners import ABOUT, Exam

D = 256
"""Width of the shipped model."""


@pytest.fixture(scope="module")
def few() -> Exam:
    return Exam("test", 8)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch, cache: Path) -> np.ndarray:
    """Directions of all kinds, (kinds, d), that training pictures are exact sums of."""
    rng = np.random.default_rng(0)
    directions, kinds = rng.standard_normal((len(KINDS), D)), (rng.random((400, len(KINDS))) < 0.1).astype(float)
    images = np.stack([kinds @ directions + 3] * 4)
    rows = SimpleNamespace(images=images, kinds=kinds, identity={"made": "for a test"})
    monkeypatch.setattr(n22_forms, "paired_representations", lambda: rows)
    return directions


def test_the_last_words_are_the_others() -> None:
    rng = torch.Generator().manual_seed(0)
    mine, other = torch.randn(3, 7, 2, generator=rng), torch.randn(3, 5, 2, generator=rng)
    last = torch.tensor([2, 4, 1])
    slow = mine.clone()
    for row, count in enumerate(last.tolist()):
        for back in range(1, count + 1):
            slow[row, -back] = other[row, -back]
    assert torch.equal(same_words(mine, other, last), slow)
    assert torch.equal(same_words(other, mine, last)[1, 1:], mine[1, 3:])


def test_targets_of_words_come_row_after_row() -> None:
    target, real = torch.arange(24.0).view(3, 4, 2), torch.tensor([[0, 1, 1, 1], [0, 0, 1, 1], [1, 1, 1, 1]]).bool()
    edit = Towards(target, real, 1, 0.5)(torch.tensor([2, 1]))
    assert edit.each and edit.target.tolist() == [*target[2].tolist(), *target[1, 2:].tolist()]
    mean = Towards(target[:, 0], real, 1, 0.5)(torch.tensor([2, 1]))
    assert not mean.each and torch.equal(mean.target, target[[2, 1], 0])


def test_all_of_the_truth_behind_the_last_block_is_the_truth_told(few: Exam, known: np.ndarray) -> None:
    odds = form_odds(few, few.true_lists, dict.fromkeys(FORMS, (1.0,)), [3])
    told, plain = few.after_true.odds, few.after_own.odds
    assert odds[EACH, 3, 1.0] == pytest.approx(told, abs=1e-3) and odds[LOGITS, 3, 1.0] == pytest.approx(told)
    assert not np.allclose(told, plain, atol=0.1)
    again = form_odds(few, few.true_lists, dict.fromkeys(FORMS, (1.0,)), [3])
    assert list(again) == list(odds) and all(np.array_equal(again[key], odds[key]) for key in odds)
    for form in (ALONE, ONE, PICTURE):
        (found,) = (values for key, values in odds.items() if key[0] == form)
        assert not np.allclose(found, told, atol=0.1) and not np.allclose(found, plain, atol=1e-3)


def test_nothing_moves_towards_the_model_s_own_list(few: Exam, known: np.ndarray) -> None:
    odds = form_odds(few, few.own_lists, {**dict.fromkeys(FORMS, (2.0,)), ALONE: ()}, [0, 2])
    assert {key[:2] for key in odds} == {(ONE, 0), (ONE, 2), (EACH, 0), (EACH, 2), (PICTURE, 1), (LOGITS, 3)}
    for key, values in odds.items():
        assert values == pytest.approx(few.after_own.odds, abs=1e-3), key


def test_pictures_move_by_the_directions_of_kinds(known: np.ndarray) -> None:
    def listed(*kinds: int) -> str:
        return " and ".join(KIND_NAMES[kind] for kind in kinds)

    shift = n22_forms.picture_shift([listed(3, 5), listed(7)], [listed(3, 9), listed(7)])
    assert shift[0].numpy() == pytest.approx(known[5] - known[9], abs=1e-4)
    assert shift[1].numpy() == pytest.approx(0, abs=1e-4)


def test_the_next_scene_has_another_list() -> None:
    assert n22_forms.next_scenes(["a", "b", "c"]) == ["b", "c", "a"]


def test_weights_are_those_that_answer_most(few: Exam, monkeypatch: pytest.MonkeyPatch) -> None:
    yes = few.asked.about.isin(ABOUT[2:]).to_numpy()
    perfect, best = np.where(yes, 1.0, -1.0), dict(zip(FORMS, (0.7, 1.0, 2.0, 16.0, 1.0), strict=True))

    def odds(of: Exam, lists: object, weights: dict[str, tuple[float, ...]], layers: list[int]) -> dict:
        assert lists is of.true_lists
        return {(f, 2, w): perfect if w == best[f] else -perfect for f in FORMS for w in weights[f]}

    monkeypatch.setattr(n22_forms, "form_odds", odds)
    chosen, table = n22_forms.choose_weights(few)
    assert chosen == best and len(table) == sum(map(len, n22_forms.WEIGHTS.values()))
    assert sorted(table.accuracy.unique()) == [0, 1]


def test_gains_are_counted_over_all_questions(few: Exam) -> None:
    rng = np.random.default_rng(0)
    odds, plain = rng.standard_normal((2, len(few.asked)))
    stub = SimpleNamespace(questions=few.questions, asked=few.asked, place=few.place)
    stub.after_own = SimpleNamespace(odds=plain)
    found = gain(stub, odds)  # type: ignore[arg-type]
    number = {pair: row for row, pair in enumerate(zip(few.asked.scene, few.asked.prompt, strict=True))}
    right, scores = {"odds": 0, "plain": 0}, {"odds": ([], []), "plain": ([], [])}
    for question in few.questions.itertuples():
        for name, values in (("odds", odds), ("plain", plain)):
            value = values[number[question.scene, question.prompt]]
            right[name] += (value > 0) == question.yes
            scores[name][question.yes].append(value)
    expected = (right["odds"] - right["plain"]) / len(few.questions)
    assert found["accuracy"] == pytest.approx(expected)
    assert found["low"] is not None and found["high"] is not None and found["low"] < expected < found["high"]
    missing = [row for row, about in enumerate(few.asked.about) if about == "missing partner"]
    assert found["missing"] == pytest.approx(np.mean(odds[missing] > 0) - np.mean(plain[missing] > 0))
    auc = {name: np.mean([a > b for a in positive for b in negative]) for name, (negative, positive) in scores.items()}
    assert found["auc"] == pytest.approx(auc["odds"] - auc["plain"])


def test_a_cure_takes_both() -> None:
    table = pd.DataFrame({"missing": [-0.11, -0.11, -0.05, -0.1], "low": [0.01, -0.01, 0.01, 0.001]})
    assert n22_forms.cures(table).tolist() == [True, False, False, True]
