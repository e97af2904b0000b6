"""Claim 7 on answers made to show it and to deny it, the measures by hand, and the whole on a small world."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lib.data.scenes.swap import swaps
from lib.run.profiles import load_profile
from lib.run.start import open_session
from lib.run.studies import swapped_facts as study
from lib.run.studies import text_editing

SMALL = ["splits.train=120", "splits.dev=5", "splits.test=40", "sae.steps=10", "sae.batch=64", "seeds=[0,1]"]
N = 200


def made(false: float, prefers: float, tuned: float = 0.0) -> study.Found:
    """Unedited: false rate and preference 50 %; TEVI: changed by so many points; the tuned text: by a share of that."""
    found: study.Found = {}
    for seed in (0, 1, 2):
        rng = np.random.default_rng(seed)
        order = rng.permutation(N)
        shares = {study.PLAIN: 0.0, study.TUNED: tuned, study.TEVI: 1.0}
        for arm, share in shares.items():
            rates = {"false": 50 + share * false, "prefers": 50 + share * prefers}
            rates |= {"image false": 50, "rephrased false": 50, "clean": 60}
            columns = {name: 100.0 * (order < rate / 100 * N) for name, rate in rates.items()}
            found[arm, seed, study.AT] = columns
    return found


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (made(-10, 10), "reproduced"),
        (made(-10, 10, tuned=1.0), "partly"),
        (made(-10, -10), "partly"),
        (made(-1, 1), "not reproduced"),
        (made(10, -10), "not reproduced"),
    ],
)
def test_the_verdict_follows_the_rule(found: study.Found, verdict: str) -> None:
    claim = study.claim_7(found)
    assert claim.verdict == verdict
    assert claim.n == N and claim.seeds == [0, 1, 2] and len(claim.spread.values) == 3


def test_the_effect_is_the_fall_of_the_false_rate() -> None:
    claim = study.claim_7(made(-10, 10))
    assert claim.effect == pytest.approx(10) and claim.controls[f"{study.PLAIN}: false rate"] == pytest.approx(50)
    assert claim.controls[f"{study.TEVI}: prefers own"] == pytest.approx(60)


def test_measures_by_hand() -> None:
    """Two scenes; the first is fooled by its altered caption, and both find their own pictures."""
    data = study.SwapSet(
        swaps("test", 3, 6), np.ones((4, 2)), np.ones((8, 2)), np.array([[1, 0, 0, 0], [0, 1, 0, 1]], bool)
    )
    scores = np.zeros((4, 8))
    scores[:2, :2] = [[0.8, 0.1], [0.2, 0.7]]  # own
    scores[:2, 2:4] = [[0.9, 0.0], [0.0, 0.6]]  # altered
    scores[:2, 4:6] = [[0.8, 0.0], [0.0, 0.5]]  # rephrased
    scores[2:, :2] = [[0.1, 0.0], [0.0, 0.9]]  # altered pictures
    found = {name: values.tolist() for name, values in study.answers(data, scores).items()}
    assert found["clean"] == [100, 100] and found["attacked"] == [0, 100] and found["false"] == [100, 0]
    assert found["prefers"] == [0, 100] and found["true"] == [0, 100]
    assert found["rephrased false"] == [50, 0] and found["rephrased prefers"] == [50, 100]
    assert found["image clean"] == [100, 100] and found["image false"] == [0, 100]
    assert found["image prefers"] == [100, 0] and found["larger false"] == [0, 0]


def test_the_whole_on_a_small_world(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_editing, "TRAIN", 120)
    monkeypatch.setattr(study, "TOLD", (study.AT,))
    monkeypatch.setattr(study, "SHORTLISTS", (10, 40))
    session = open_session("42_robustness", load_profile("scenes", SMALL))
    arms = {arm: replace(text_editing.ARMS[arm], steps=3, batch=32) for arm in study.TRAINED}
    editors = text_editing.fit_editors(session, arms)
    table = study.swap_table(study.measure(session, editors, 20))
    assert set(study.COLUMNS) <= set(table.columns) and table.arm.nunique() == 10 and len(table) == 20
    rates = table.drop(columns=["arm", "drop", "larger_drop", "image_drop", "queries"])
    assert ((rates >= 0) & (rates <= 100)).all().all()
    data = study.swap_set(session, 20, study.AT)
    assert study.caption_table(data, 4).columns.tolist() == ["scene", "factor", "own", "altered"]
    assert data.holds[:, : len(data)].diagonal().all() and not data.holds[:, len(data) :].diagonal().any()
    shortlists = study.shortlist_table(session, editors, 6)
    assert len(shortlists) == 8 and (shortlists[shortlists.shortlist == 40].recall == 1).all()
    assert study.by_arm(table, "false").keys() == set(table.arm)
