"""Claim C10 on tables made to show it and to deny it, and the table itself on a small world."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lib.run.profiles import load_profile
from lib.run.start import open_session
from lib.run.studies import hierarchy as study
from lib.run.studies.dictionaries import fit_all

SMALL = ["splits.train=400", "splits.dev=5", "splits.test=120", "sae.steps=20", "sae.batch=128", "seeds=[0,1]"]


def latents(score_slope: float = 0.1, depth_slope: float = 0.3, flat: float = 0.0) -> pd.DataFrame:
    rows = []
    for arm, factor in (("matryoshka", 1.0), ("batch_topk", flat), ("untrained", 0.0)):
        for seed in (0, 1, 2):
            random = np.random.default_rng(seed)
            for latent in range(200):
                level = int(np.searchsorted((4, 16, 64), latent, side="right"))
                noise = 0.01 * random.standard_normal(3)
                rows.append(
                    {
                        "arm": arm,
                        "seed": seed,
                        "latent": latent,
                        "level": level,
                        "score": factor * score_slope * level + noise[0],
                        "depth": factor * depth_slope * level + noise[1],
                        "shuffled": noise[2],
                        "support": 5 + latent,
                    }
                )
    return pd.DataFrame(rows)


def test_levels_that_follow_the_taxonomy_reproduce_the_claim() -> None:
    claim = study.claim_c10(latents(), 2000, 0.3)
    assert claim.verdict == "reproduced" and claim.effect is not None and claim.effect > 0.7
    assert abs(claim.controls["shuffled labels: depth"]) < 0.2
    assert claim.controls["mean depth of random pairs"] == 0.3


@pytest.mark.parametrize(
    ("table", "verdict"),
    [
        (latents(score_slope=-0.1, depth_slope=-0.3), "not reproduced"),
        (latents(depth_slope=-0.3), "partly"),
        (latents(flat=2.0, depth_slope=0.01), "partly"),
    ],
)
def test_levels_that_do_not_are_told(table: pd.DataFrame, verdict: str) -> None:
    assert study.claim_c10(table, 2000, 0.3).verdict == verdict


def test_level_table_counts_latents_and_keeps_the_best_of_supported_ones() -> None:
    table = study.level_table(latents())
    one = table[(table.arm == "matryoshka") & (table.seed == 0)]
    assert one.latents.tolist() == [4, 12, 48, 136]
    assert np.isnan(one.best.iloc[0]), "support below the minimum"
    assert one.score.is_monotonic_increasing


def test_latent_table_on_a_small_world(cache: Path) -> None:
    session = open_session("11_hierarchy", load_profile("scenes", SMALL))
    fitted = fit_all(session, study.recipes(session))
    assert fitted[0].sae.prefixes == [4, 16, 64, 256]
    table = study.latent_table(session, fitted, "network")
    assert set(table.arm) == {"matryoshka", "batch_topk", "untrained"} and set(table.seed) == {0, 1}
    assert not table.isna().any(axis=None) and table.level.between(0, 3).all()
    assert table.depth.between(0, 3).all() and set(table.level[table.latent < 4]) <= {0}
    paths = session.world.taxonomy("test")
    assert (
        paths.shape == (120, 3) and (paths[:, 2] // 4 == paths[:, 1]).all() and (paths[:, 1] // 4 == paths[:, 0]).all()
    )
