"""Notebook 22's exam on missing partners: what a kind is to a scene, what a list names, and the gain of an edit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from lib.data.scenes.partners import PARTNER, kinds_in, missing_partners, paired_layout
from lib.data.scenes.questions import read
from lib.data.scenes.scene_words import KIND_NAMES, KINDS
from lib.papers.p2 import n22_partners
from lib.papers.p2.n22_partners import ABOUT, asked, exam, role


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(n22_partners, "SCENES", 10)
    exam.cache_clear()
    yield
    exam.cache_clear()


def test_what_a_kind_is_to_a_scene() -> None:
    for row in exam():
        layout = paired_layout("test", 0, row)
        there = kinds_in(layout)
        roles = {about: {kind for kind in range(len(KINDS)) if role(kind, there) == about} for about in ABOUT}
        assert roles["missing partner"] == set(missing_partners(layout))
        assert roles["kind beside its partner"] == {kind for kind in there if PARTNER[kind] in there}
        assert roles["other present kind"] | roles["kind beside its partner"] == there


def test_questions_come_once_and_are_about_what_they_say() -> None:
    table = asked()
    assert not table.duplicated(["scene", "prompt"]).any() and set(table.scene) == set(range(10))
    for scene, prompt, about in table.itertuples(index=False):
        there = kinds_in(paired_layout("test", 0, exam()[scene]))
        assert about == role(read(prompt)[0][1], there)


def test_kinds_that_lists_name() -> None:
    lists = ["" for _ in exam()]
    there = kinds_in(paired_layout("test", 0, exam()[0]))
    gone = missing_partners(paired_layout("test", 0, exam()[0]))
    lists[0] = " and ".join(KIND_NAMES[kind] for kind in [*sorted(there), gone[0]])
    table = n22_partners._named(lists)
    assert table.groupby("scene").whole.sum().tolist() == [len(KINDS)] * 10
    first = table[table.scene == 0].groupby("about").part.sum()
    assert first["missing partner"] == 1 and first["other absent kind"] == 0 and table.part.sum() == len(there) + 1


def test_the_gain_is_of_balanced_accuracy() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"scene": np.arange(60) // 4, "about": np.array(ABOUT)[rng.integers(4, size=60)]})
    yes = table.about.isin(ABOUT[2:]).to_numpy()
    odds, plain = rng.standard_normal((2, 60))
    found = n22_partners._gain(table, odds, plain)

    def balanced(values: np.ndarray) -> float:
        return ((values[yes] > 0).mean() + (values[~yes] <= 0).mean()) / 2

    assert found["accuracy"] == pytest.approx(balanced(odds) - balanced(plain))
    low, high = found["low"], found["high"]
    assert low is not None and high is not None and low < balanced(odds) - balanced(plain) < high
    about = (table.about == ABOUT[0]).to_numpy()
    assert found["missing"] == pytest.approx((odds[about] > 0).mean() - (plain[about] > 0).mean())
    pairs = [(values[yes][:, None] > values[~yes]).mean() for values in (odds, plain)]
    assert found["auc"] == pytest.approx(pairs[0] - pairs[1])
