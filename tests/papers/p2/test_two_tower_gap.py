"""The dial of the gap on a small world, and the controls that are read off it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lib.papers.p2 import two_tower_dictionaries
from lib.papers.p2.two_tower_gap import DIAL_ARMS, STRENGTHS, dial_leads, gap_table, lead_with_clips_gap
from lib.report.effects import over_seeds
from lib.worlds.profiles import load_profile
from lib.worlds.session import open_session

SEEDS = (3, 5)


@pytest.fixture
def table() -> pd.DataFrame:
    """Distinct values of every strength, arm and seed, in no order."""
    rng = np.random.default_rng(0)
    rows = [
        {"strength": strength, "arm": arm.name, "k": 32, "seed": seed, "gap": rng.random(), "r10": rng.random()}
        for strength in STRENGTHS
        for arm in DIAL_ARMS
        for seed in SEEDS
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0, ignore_index=True)


def value(table: pd.DataFrame, column: str, strength: float, arm: str, seed: int) -> float:
    (found,) = [
        row[column]
        for row in table.to_dict("records")
        if (row["strength"], row["arm"], row["seed"]) == (strength, arm, seed)
    ]
    return found


def test_leads_of_the_papers_model(table: pd.DataFrame) -> None:
    found = dial_leads(table, "r10")
    assert len(found) == len(STRENGTHS) * (len(DIAL_ARMS) - 1) * len(SEEDS)
    for row in found.to_dict("records"):
        own, other = (value(table, "r10", row["strength"], arm, row["seed"]) for arm in ("VL-SAE", row["over"]))
        assert row["lead"] == own - other


def test_controls_are_those_with_clips_gap(table: pd.DataFrame) -> None:
    leads = [value(table, "gap", 1.0, "VL-SAE", seed) - value(table, "gap", 1.0, "SAE-S", seed) for seed in SEEDS]
    assert lead_with_clips_gap(table, "gap", "SAE-S") == over_seeds(leads)
    table.loc[(table.strength == 1.0) & (table.arm == "SAE-S") & (table.seed == 5), "gap"] = np.nan
    assert lead_with_clips_gap(table, "gap", "SAE-S") is None
    assert lead_with_clips_gap(table, "gap", "cosine, two decoders") is not None


def test_the_dial_moves_the_means_and_trains_all_arms(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, setting in {"DEFAULT_STEPS": 5, "DEFAULT_WIDTH": 32, "DEFAULT_K": 8}.items():
        monkeypatch.setattr(two_tower_dictionaries, name, setting)
    overrides = ["splits.train=200", "splits.dev=10", "splits.test=200", "seeds=[3,5,7]"]
    found = gap_table(open_session("20_concepts", load_profile("scenes", overrides)))
    assert list(found.columns[:2]) == ["strength", "means_apart"]
    assert len(found) == len(STRENGTHS) * len(DIAL_ARMS) * len(SEEDS)
    apart = found.groupby("strength").means_apart.first()
    assert apart[0.0] < 0.2 < apart[0.5] < apart[1.0] < 0.9
    assert set(found.seed) == set(SEEDS) and set(found.arm) == {arm.name for arm in DIAL_ARMS}
    assert np.isfinite(found[["r10", "fvu_image", "matched"]]).all(axis=None)
