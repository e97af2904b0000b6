"""The cost of maskers: those of the notebook, from one step of each kind."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lib.papers.p4 import n41_premise
from lib.run import masker_cost
from lib.run.estimate import MASKERS, stand_in
from lib.worlds.profiles import load_profile


def test_every_masker_counts_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masker_cost, "timed", lambda work, device: 1.0)
    masker_cost.masker_step.cache_clear()
    session = stand_in(load_profile("scenes", ["seeds=[0,1]"]))
    maskers = MASKERS["41"](session)
    arms = n41_premise.setting_of(session).arms
    others = [config for config, _ in n41_premise.choice_runs(n41_premise.setting_of(session)).values()]
    assert len(maskers) == 2 * len(arms) + len(others) - 2  # two of them are arms
    cost = masker_cost.masker_cost(maskers, session)
    masker_cost.masker_step.cache_clear()
    assert cost.seconds == sum(config.steps for config, _ in maskers)
    assert cost.memory > session.profile.splits.train * 128 * 4 and cost.disk > 0


def test_a_step_is_one_of_the_masker(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def timed(work: Callable[[], None], device: str) -> float:
        work()
        made.append(work.__self__.step)  # type: ignore[attr-defined]
        return 2.0

    monkeypatch.setattr(masker_cost, "timed", timed)
    session = stand_in(load_profile("scenes", ["seeds=[0]"]))
    (config, recipe), *_ = MASKERS["41"](session)
    masker_cost.masker_step.cache_clear()
    cost = masker_cost.masker_cost([(config, recipe)], session)
    masker_cost.masker_step.cache_clear()
    assert made == [1] and cost.seconds == 2 * config.steps
