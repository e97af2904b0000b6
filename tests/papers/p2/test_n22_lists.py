"""Lists of notebook 22: greedy ones are the model's own, what the oracle tells, and which lists are written once."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from lib.data.scenes.questions import Question
from lib.data.scenes.scene_words import KIND_NAMES
from lib.encoders.training.paired_llava import second_turn
from lib.metrics.hallucination import chair
from lib.papers.p2 import n22_lists
from lib.papers.p2.n22_edits import EDITED_LAYER
from lib.papers.p2.n22_evidence import ANOTHER, EACH_WORD, ORACLE, OTHER_PICTURE
from lib.papers.p2.n22_lists import RULES, NextPicture, Telling, write_lists
from lib.papers.p2.n22_partners import LIST, Exam


@pytest.fixture(scope="module")
def few() -> Exam:
    return Exam("test", 5)


def test_greedy_lists_are_the_model_s_own(few: Exam) -> None:
    assert [text.strip() for text in write_lists(few, "greedy", 0)] == few.own_lists


def test_an_oracle_without_weight_writes_the_same(few: Exam) -> None:
    rule = ORACLE + EACH_WORD
    still = write_lists(few, rule, 0, Telling(few, few.true_lists, 0.0))
    moved = write_lists(few, rule, 0, Telling(few, few.true_lists[::-1], 30.0))
    assert [text.strip() for text in still] == few.own_lists != [text.strip() for text in moved]


def test_a_seed_decides_the_draws(few: Exam) -> None:
    drawn = [write_lists(few, "regular", seed) for seed in (0, 1, 0)]
    assert drawn[0] == drawn[2] != drawn[1]


def test_words_move_to_those_after_the_telling(few: Exam) -> None:
    telling, mine = Telling(few, few.true_lists, 0.5), few.asked_for_lists.copy()
    token = torch.tensor(few.pictures_read.llm.tokenizer("a")["input_ids"]).repeat(few.scenes)
    scenes = torch.tensor([1, 3])
    for reading in (telling.told, mine):
        reading.add(token)
        reading.keep(torch.isin(torch.arange(few.scenes), scenes))
    edit, width, slow = telling.edit(mine), 7, []  # "what is in the picture ASSISTANT: a"
    for scene in scenes.tolist():
        prompt = second_turn(Question("list", LIST, few.true_lists[scene]), LIST)
        words, real = few.pictures_read.words([prompt])
        words, real = torch.cat([words, token[:1, None]], dim=1), torch.cat([real, real[:, :1]], dim=1)
        slow.append(few.pictures_read.answers(torch.tensor([scene]), words, real).behind[EDITED_LAYER][0, -width:])
    torch.testing.assert_close(edit.target, torch.cat(slow), atol=1e-4, rtol=1e-3)
    assert (edit.alpha, edit.each) == (0.5, True)


def test_lists_see_the_next_picture(few: Exam) -> None:
    class Blind:
        """Stands in for the concepts, and shifts a word by a tenth of the picture that it is shown."""

        layer, each = EDITED_LAYER, True

        def shift(self, image: torch.Tensor, text: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
            return (image[of] - text) / 10

    shown, mine = few.pictures_read.image[EDITED_LAYER], few.asked_for_lists.copy()
    mine.keep(torch.tensor([True, False, False, False, True]))
    edit = NextPicture(few, Blind()).edit(mine)  # type: ignore[arg-type]
    expected = (shown[[1, 1, 1, 0, 0, 0]] - 1) / 10
    of = torch.tensor([0, 0, 0, 1, 1, 1])
    torch.testing.assert_close(edit.shift(torch.zeros(6, 1), torch.ones(6, 1), of), expected)
    written = write_lists(few, OTHER_PICTURE + EACH_WORD, 0, NextPicture(few, Blind()))  # type: ignore[arg-type]
    assert len(written) == few.scenes and all(written)


def test_lists_are_counted_by_rule_seed_and_picture(few: Exam, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: Counter[str] = Counter()

    def write(of: Exam, rule: str, seed: int, edit: Any = None) -> list[str]:
        calls[rule] += 1
        assert (edit is None) == (rule in ("regular", "greedy", "cut only"))
        rng = np.random.default_rng([RULES.index(rule), seed])
        return [" and ".join(KIND_NAMES[kind] for kind in rng.integers(48, size=3)) for _ in range(of.scenes)]

    monkeypatch.setattr(n22_lists, "write_lists", write)
    one = {(f"concepts, {mixing}", seed): object() for mixing in ("additive", "convex") for seed in (0, 1)}
    session = SimpleNamespace(seeds=[0, 1])
    found = n22_lists.count_listed_objects(session, few, one, one, 2.0)  # type: ignore[arg-type]
    once = {"greedy", ORACLE + EACH_WORD, ANOTHER + EACH_WORD}
    assert calls == {rule: 1 if rule in once else 2 for rule in RULES}
    assert len(found) == len(RULES) * 2 * few.scenes
    for (rule, seed), mine in found.groupby(["rule", "seed"]):
        rng = np.random.default_rng([RULES.index(rule), 0 if rule in once else seed])
        said = [rng.integers(48, size=3).tolist() for _ in range(few.scenes)]
        expected = chair(said, few.there)
        assert mine.sort_values("picture").wrong.tolist() == expected.wrong.tolist()
        assert mine.sort_values("picture").said.tolist() == expected.said.tolist()


def test_lists_are_scored_by_rule_and_seed() -> None:
    said = {
        ("regular", 0): [["cat", "dog"], ["sun"], []],
        ("greedy", 0): [["cat"], ["sun", "sun"], ["tree"]],
        ("regular", 1): [["cat"], ["moon"], ["tree", "moon"]],
        ("greedy", 1): [["dog", "dog"], ["sun"], ["tree"]],
    }
    there = [{"cat"}, {"sun", "moon"}, {"tree"}]
    counts = [
        pd.DataFrame(vars(chair(lists, there))).assign(rule=rule, seed=seed, picture=range(3))
        for (rule, seed), lists in said.items()
    ]
    table = n22_lists.chair_table(pd.concat(counts, ignore_index=True))
    assert [*zip(table.rule, table.seed, strict=True)] == list(said)
    for row, lists in zip(table.itertuples(), said.values(), strict=True):
        found = chair(lists, there)
        interval = found.interval(np.random.default_rng(0))
        expected = (found.captions, found.objects, interval.low, interval.high, found.recall, found.said.mean())
        assert (row.captions, row.objects, row.low, row.high, row.recall, row.said) == expected
