"""The checks of notebook 13 on a small world, each against its definition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lib.base.errors import NotAvailable
from lib.metrics.monosemanticity import monosemanticity
from lib.papers.common.dictionaries import Fitted, fit_recipes
from lib.papers.common.ms_scores import SUPPORT
from lib.papers.p1 import n13_checks
from lib.worlds.profiles import load_profile
from lib.worlds.session import Session, open_session

SMALL = ["splits.train=400", "splits.dev=5", "splits.test=200", "sae.steps=20", "sae.batch=128", "seeds=[0,1]"]
SMALL += ["sae.expansions=[1,4]"]


@pytest.fixture
def session(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setattr(n13_checks, "WIDEST_EXPANSION", 2)
    return open_session("13_checks", load_profile("scenes", SMALL))


@pytest.fixture
def fitted(session: Session) -> list[Fitted]:
    return fit_recipes(session, n13_checks.check_recipes(session))


def test_measures_ranks_and_granularity(session: Session, fitted: list[Fitted]) -> None:
    assert len(fitted) == 12
    table = n13_checks.check_measures(session, fitted, "network")
    assert set(table.arm) == {"trained", "untrained", "shuffled"} and set(table.expansion) == {1, 2, 4}
    f = fitted[0]
    scores = monosemanticity(f.codes, session.world.judges("test")["network"].tower("image"))
    row = table[(table.arm == "trained") & (table.expansion == 1) & (table.seed == f.seed)].iloc[0]
    few = scores.live & (scores.support >= SUPPORT)
    assert row["mean"] == pytest.approx(np.nanmean(scores.score))
    assert row.mean10 == pytest.approx(scores.score[few].mean()) and row.supported == few.mean()
    assert (table.best >= table.best10).all() and (table.live >= table.supported).all()
    assert table[table.arm == "shuffled"].r2.isna().all() and table.facts.between(0, 1).all()

    ranks = n13_checks.judge_ranks(session, fitted)
    assert len(ranks) == 12 and ranks["rank"].between(-1, 1).all()

    pure = n13_checks.granularity(session, fitted[:2], "network")
    assert pure.base.between(0, 1).all()
    assert (pure.columns == ["seed", "latent", "group", "base", "score"]).all()


def test_what_an_untrained_dictionary_reaches() -> None:
    rows = []
    for seed in (0, 1):
        for arm, value in (("trained", 0.5), ("untrained", 0.1 * (seed + 1))):
            rows.append({"arm": arm, "expansion": 4, "seed": seed} | dict.fromkeys(n13_checks.SEPARATING, value))
    reached = n13_checks.untrained_shares(pd.DataFrame(rows), 4)
    assert reached[reached.measure == "facts"].share.tolist() == pytest.approx([0.2, 0.4])
    assert set(reached.measure) == set(n13_checks.SEPARATING)


def test_a_judge_that_the_world_lacks_is_one_line(cache: Path) -> None:
    photos = open_session("13_checks", load_profile("photos"))
    with pytest.raises(NotAvailable, match=r"^world photos has no judge 'truth' \(it has network\)"):
        n13_checks.judge_ranks(photos, [])
