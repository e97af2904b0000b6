"""The grid of widths and sparsities."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from lib.papers.common.setting import Setting
from lib.papers.p3 import n33_sizes, pair_dictionaries
from lib.sae.models.gsae import PAPER_WEIGHT
from lib.worlds.profiles import load_profile
from lib.worlds.session import open_session


def test_every_cell_has_every_arm_with_as_many_latents_as_it_says(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setattr(pair_dictionaries, "CONTROLLED_PAIRS", (300, 120))
    monkeypatch.setattr(n33_sizes, "CONTROLLED_SETTING", Setting(width=32, k=4, steps=3, batch=50))
    table = n33_sizes.size_table(open_session("33_uses", load_profile("scenes", seeds=3)))
    cells = table.groupby(["width", "k"]).arm.apply(list).to_dict()
    assert cells == {
        (width, k): ["SAE-2b", "GSAE", "MGSAE"] * n33_sizes.SIZE_SEEDS
        for width in n33_sizes.WIDTHS
        for k in n33_sizes.SPARSITIES
    }
    assert (table.l0 <= table.k).all()


def test_the_weight_is_that_of_the_papers_table() -> None:
    weight = n33_sizes.FACTOR * PAPER_WEIGHT
    assert weight == pytest.approx(0.01)


def test_the_best_arm_has_the_largest_mean() -> None:
    rows = [
        {"width": 8, "k": 2, "arm": "A", "r1": 0.9},
        {"width": 8, "k": 2, "arm": "A", "r1": 0.1},
        {"width": 8, "k": 2, "arm": "B", "r1": 0.6},
        {"width": 8, "k": 2, "arm": "B", "r1": 0.6},
        {"width": 8, "k": 4, "arm": "A", "r1": 0.7},
        {"width": 8, "k": 4, "arm": "B", "r1": 0.6},
    ]
    assert n33_sizes.best_arms(pd.DataFrame(rows), "r1").loc[8].to_dict() == {2: "B", 4: "A"}
