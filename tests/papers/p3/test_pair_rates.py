"""The table of learning rates, on few pairs: each row is that of its own training, measured on dev pairs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lib.metrics.fidelity import fvu
from lib.papers.p3.pair_dictionaries import PAIRED_ARMS, Material, fit_paired_arm, world_setting
from lib.papers.p3.pair_rates import best_rate, pair_rate_table
from lib.worlds.profiles import load_profile
from lib.worlds.session import open_session

SMALL = ["splits.train=60", "splits.dev=30", "splits.test=20", "sae.k=4", "seeds=[0,1]"]


def test_each_row_is_of_its_own_training_and_of_dev_pairs(cache: Path, monkeypatch) -> None:
    monkeypatch.setattr("lib.papers.p3.pair_dictionaries.WORLD_STEPS", 3)
    session = open_session("31_group_sparsity", load_profile("clip-arrays", SMALL))
    table = pair_rate_table(session, (1e-3, 4e-3))
    assert list(table.arm) == 2 * [*PAIRED_ARMS, "BatchTopK-2b", "Matryoshka-2b"] and set(table.seed) == {0}
    train, dev = (session.world.embeddings(split) for split in ("train", "dev"))
    setting = replace(world_setting(session), lr=4e-3)
    one = fit_paired_arm(Material(train, dev, ("image", "text"), setting), PAIRED_ARMS["GSAE"], 0, "GSAE")
    left = [fvu(dev.tower(tower), view.reconstruct(one.codes[tower], tower)) for tower, view in one.views.items()]
    (row,) = table[(table.arm == "GSAE") & (table.rate == 4e-3)].itertuples()
    assert np.isclose(row.fvu, np.mean(left))


def test_a_world_trains_at_the_rate_of_its_profile() -> None:
    session = open_session("31_group_sparsity", load_profile("clip-arrays", [*SMALL, "pair_rate=0.02"]))
    assert world_setting(session).lr == 0.02 and world_setting(session).decay == 0.3
    sizes = ["pairs.width=64", "pairs.steps=9"]
    session = open_session("31_group_sparsity", load_profile("clip-arrays", [*SMALL, "pair_rate=0.02", *sizes]))
    assert world_setting(session).lr == 0.02 and world_setting(session).decay == 0


@pytest.mark.parametrize(
    ("fvu", "l0", "best"),
    [
        ([0.300, 0.201, 0.200], [8, 8, 8], 2e-3),  # the lowest within two hundredths
        ([0.300, 0.220, 0.200], [8, 8, 8], 4e-3),
        ([0.300, 0.220, 0.200], [8, 7.8, 7.7], 2e-3),  # one arm of the best has too few active latents
        ([0.300, 0.220, 0.200], [7, 6, 5], None),
    ],
)
def test_the_best_rate_keeps_the_active_latents(fvu: list[float], l0: list[float], best: float | None) -> None:
    rates = [1e-3, 2e-3, 4e-3]
    table = pd.DataFrame({"rate": 2 * rates, "fvu": [*fvu, *fvu], "l0": [*l0, 8, 8, 8]})
    assert best_rate(table, 8) == best
