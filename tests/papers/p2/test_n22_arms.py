"""Ways of decoding on scenes that lack a partner: rules by hand, weights, and tables against loops."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from lib.editing.concept_decoding import decoding_rules
from lib.papers.p2 import n22_arms
from lib.papers.p2.n22_arms import CONCEPT_WEIGHTS, arms_table, decoded, open_table
from lib.papers.p2.n22_evidence import EACH_WORD
from lib.papers.p2.n22_partners import ABOUT, Exam, paired_llava


@pytest.fixture(scope="module")
def few() -> Exam:
    return Exam("test", 8)


def logits(seed: int, rows: int = 4) -> torch.Tensor:
    shape = (rows, len(paired_llava().tokenizer))
    return 2 * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_rules_and_what_they_decode() -> None:
    plain, noisy = logits(0), logits(1)
    edited = {("concepts, additive", 1): logits(2), (f"concepts, additive{EACH_WORD}", 1): logits(3)}
    found = decoded(plain, noisy, edited)
    cut = ("concepts, additive", 1)
    assert set(found) == {*edited, *((rule, None) for rule in ("regular", "greedy", "cut only", "contrast with noise"))}
    by_hand = decoding_rules(plain, noisy, {"concepts, additive": logits(2)})
    for (rule, _), (_, chances) in found.items():
        if not rule.endswith(EACH_WORD):
            assert torch.equal(chances, by_hand[rule])
    torch.testing.assert_close(found[cut][0], 0.4 * plain + 0.6 * logits(2))
    torch.testing.assert_close(found["contrast with noise", None][0], 2 * plain - noisy)
    assert all(torch.equal(found[rule, None][0], plain) for rule in ("regular", "greedy", "cut only"))
    score, chances = found[f"concepts, additive{EACH_WORD}", 1]
    assert torch.equal(score, logits(3)) and torch.equal(chances.argmax(dim=1), logits(3).argmax(dim=1))
    assert chances.sum(dim=1).tolist() == chances.max(dim=1).values.tolist() == [1.0] * 4


def test_concepts_of_the_next_picture(few: Exam) -> None:
    class Sees:
        """Stands in for an edit, and gives back the picture that it is shown."""

        layer, each = 2, True

        def shift(self, image: torch.Tensor, text: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
            return image[of]

    scenes, words, slow = torch.tensor([few.scenes - 1, 0, 3]), torch.tensor([2, 5, 1]), []
    edit = n22_arms.by_the_next_picture(few, Sees(), scenes)  # type: ignore[arg-type]
    for scene, count in zip(scenes.tolist(), words.tolist(), strict=True):
        slow += [few.pictures_read.image[2][(scene + 1) % few.scenes]] * count
    assert edit.each and edit.layer == 2
    of = torch.arange(3).repeat_interleave(words)
    assert torch.equal(edit.shift(torch.zeros(1), torch.zeros(1), of), torch.stack(slow))


@dataclass(frozen=True)
class Weighted:
    """Stands in for an edit: what a rule makes of a weight."""

    rule: str
    alpha: float = 0.5


def test_weights_are_chosen_for_each_rule_over_all_seeds(few: Exam, monkeypatch: pytest.MonkeyPatch) -> None:
    yes = few.asked.about.isin(ABOUT[2:]).to_numpy()
    perfect = torch.from_numpy(np.where(yes, 1.0, -1.0))
    best = {"concepts, additive": 0.3, "concepts, convex": 0.7}

    def edited(edits: dict[Any, Any]) -> dict[Any, torch.Tensor]:
        made = {key: make(torch.arange(2)) for key, make in edits.items()}
        assert all(edit.alpha == key[2] for key, edit in made.items())
        flip = {key: 1 if edit.alpha == best[edit.rule] or key[1] == 1 else -1 for key, edit in made.items()}
        return {key: sign * perfect for key, sign in flip.items()}

    monkeypatch.setattr(n22_arms, "log_odds", lambda odds: odds.numpy())
    stub = SimpleNamespace(questions=few.questions, place=few.place, edited=edited)
    trained = {(rule, seed): Weighted(rule) for rule in best for seed in (0, 1)}
    found, table = n22_arms.at_their_best(trained, stub)  # type: ignore[arg-type]
    assert {key: edit.alpha for key, edit in found.items()} == {key: best[key[0]] for key in trained}
    assert len(table) == 2 * len(CONCEPT_WEIGHTS) and sorted(table.accuracy.unique()) == [0.5, 1]


def test_a_row_for_each_rule_and_seed(few: Exam) -> None:
    rng = np.random.default_rng(0)
    tables = []
    for rule, seed in (("greedy", 0), ("greedy", 1), ("concepts, additive", 0)):
        chance, odds = rng.random(len(few.asked)), rng.standard_normal(len(few.asked))
        mine = few.questions.assign(chance=chance[few.place], odds=odds[few.place], rule=rule, seed=seed)
        tables.append(mine)
    answered = pd.concat(tables, ignore_index=True)
    found = arms_table(answered).set_index(["rule", "seed"])
    for (rule, seed), row in found.iterrows():
        mine = answered[(answered.rule == rule) & (answered.seed == seed)]
        right = [one.chance if one.yes else 1 - one.chance for one in mine.itertuples()]
        assert row.accuracy == pytest.approx(np.mean(right)) and row.low < row.accuracy < row.high
        pairs = [a > b for a in mine.odds[mine.yes] for b in mine.odds[~mine.yes]]
        assert row.auc == pytest.approx(np.mean(pairs))
        for column, about in (("missing", "missing partner"), ("other", "other absent kind")):
            once = {(one.scene, one.prompt): one.chance for one in mine.itertuples() if one.about == about}
            assert row[column] == pytest.approx(np.mean([*once.values()]))


def test_what_a_cut_leaves_open(few: Exam) -> None:
    yes_token, no_token = (paired_llava().first_tokens(word)[0] for word in ("yes", "no"))
    chance = np.random.default_rng(0).uniform(0.2, 0.8, len(few.asked))
    made = torch.full((len(chance), len(paired_llava().tokenizer)), -50.0, dtype=torch.float64)
    made[:, yes_token], made[:, no_token] = torch.from_numpy(np.log(chance)), torch.from_numpy(np.log(1 - chance))
    stub = SimpleNamespace(questions=few.questions, place=few.place)
    stub.after_own = SimpleNamespace(answers=SimpleNamespace(logits=made))
    table = open_table(stub).set_index("cut")  # type: ignore[arg-type]
    for cut, row in table.iterrows():
        open_, missing, lost = [], [], 0.0
        for question, place in zip(few.questions.itertuples(), few.place, strict=True):
            p = chance[place]
            open_.append(min(p, 1 - p) >= cut * max(p, 1 - p))
            if question.about == "missing partner":
                missing.append(open_[-1])
            if open_[-1]:
                lost += 1 - p if question.yes else p
        assert (row.open, row.missing) == pytest.approx((np.mean(open_), np.mean(missing)))
        assert row.ceiling == pytest.approx(lost / len(few.questions))
