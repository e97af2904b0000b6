"""Gains by the number of facts, choices on dev and further encoders, on a small world of details."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from lib.editing.masker import MaskerConfig
from lib.papers.p4 import n41_premise, settings
from lib.papers.p4.editing_pairs import masker_pairs, training_pairs
from lib.papers.p4.editors import Editor, Runs, fit_editors
from lib.sae.base import SAE
from lib.worlds.caption_factors import factors_of
from lib.worlds.dialled_captions import caption_pictures
from lib.worlds.profiles import load_profile
from lib.worlds.session import Session, open_session

SMALL = ["splits.train=150", "splits.dev=40", "splits.test=60", "sae.steps=10", "sae.batch=64", "seeds=[0,1]"]


@pytest.fixture
def session(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """150 train and 60 test scenes, and maskers of a few steps."""
    arms = {arm: replace(config, steps=8, batch=32) for arm, config in settings.DETAILS.arms.items()}
    monkeypatch.setattr(settings, "DETAILS", replace(settings.DETAILS, arms=arms, captions=2))
    return open_session("41_retrieval", load_profile("scenes-details", SMALL))


def test_captions_and_factors_are_those_of_details(session: Session) -> None:
    assert factors_of(session).probed[0] == "colour"
    learnt = masker_pairs(session)
    assert len(learnt) == 2 and learnt[0].tower("text").shape == (150, 48)
    assert (training_pairs(session).dialled.asserted[:, 0] < 0).all()


def test_gains_are_means_over_pictures_and_seeds(session: Session) -> None:
    arms = {arm: settings.DETAILS.arms[arm] for arm in ("masker + text", "text only")}
    editors = fit_editors(session, arms)
    gains = n41_premise.told_gains(session, editors, 50, (2, 6))
    assert len(gains) == 2 * len(n41_premise.COMPARED)
    assert ((gains.low <= gains.gain) & (gains.gain <= gains.high)).all()
    np.testing.assert_allclose(gains[["seed 0", "seed 1"]].mean(axis=1), gains.gain)
    test = caption_pictures(session, "test", 50, 6)
    scores = test.image @ test.text.T
    right = [(scores.argmax(axis=axis) == np.arange(50)).mean() for axis in (0, 1)]
    (row,) = gains[(gains.told == 6) & (gains.over == "unedited")].to_dict("records")
    assert row["R@1"] - row["gain"] == pytest.approx(100 * np.mean(right), abs=1e-6)
    both = n41_premise.replicated_gains(session, gains, 50)
    assert both.encoder.unique().tolist() == [0, 1] and both[both.encoder == 0].drop(columns="encoder").equals(gains)
    n41_premise.draw_told_gains(Figure().subplots(1, 2), both)


def test_choices_are_made_on_dev(session: Session) -> None:
    saes = n41_premise.train_dictionaries(session)
    assert list(saes) == [0, 1] and saes[0].width == 3 * 48
    tried = n41_premise.choice_table(session)
    first = tried.groupby("arm", sort=False).setting.first()
    assert first["text only"] == "ours" and "TopK" in first["masker + text"]
    assert tried.arm.value_counts().to_dict() == {"masker + text": 4, "text only": 3}
    edits = tried[tried.arm == "masker + text"]
    assert edits[["fvu", "best_factor"]].notna().all().all() and (tried.recall >= 0).all()
    assert tried[tried.arm == "text only"].start.nunique() == 1  # all begin as the identity


def test_what_is_listed_is_what_is_trained(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[MaskerConfig, SAE]] = []
    fit = n41_premise.fit_maskers

    def noted(session: Session, runs: Runs) -> list[Editor]:
        asked.extend(runs.values())
        return fit(session, runs)

    monkeypatch.setattr(n41_premise, "fit_maskers", noted)
    dictionaries = n41_premise.dictionary_runs(session)
    assert len(dictionaries) == len(set(dictionaries)) == 2 + 3
    n41_premise.choice_table(session)
    listed = n41_premise.masker_runs(session)
    configs = [config for config, _ in listed]
    assert all(config in configs for config, _ in asked)
    assert {sae.width for _, sae in asked} == {recipe.expansion * 48 for recipe, _ in dictionaries}
