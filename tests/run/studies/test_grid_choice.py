"""Claim C9: choices of a truth that agrees, that tosses a coin, and that disagrees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lib.run.profiles import load_profile
from lib.run.start import open_session
from lib.run.studies import grid_choice
from lib.run.studies.dictionaries import Recipe, fit_all

SMALL = ["splits.train=400", "splits.dev=5", "splits.test=120", "sae.steps=20", "sae.batch=128", "seeds=[0,1]"]


def neurons(signal: float, noise: float) -> pd.DataFrame:
    parts = []
    for seed in (0, 1, 2):
        random = np.random.default_rng(seed)
        score = random.random(300)
        lift = signal * score + noise * random.standard_normal(300)
        parts.append(pd.DataFrame({"arm": "matryoshka", "seed": seed, "score": score, "lift": lift}))
    return pd.concat(parts)


def test_purity_that_follows_the_score_reproduces_the_claim() -> None:
    table = grid_choice.agreement(grid_choice.choices(neurons(1.0, 0.2)))
    claim = grid_choice.claim_c9(table, 2000)
    assert claim.verdict == "reproduced"
    assert claim.controls["smallest differences"] < claim.controls["largest differences"]


@pytest.mark.parametrize("signal", [0.0, -1.0])
def test_purity_that_does_not_is_told(signal: float) -> None:
    table = grid_choice.agreement(grid_choice.choices(neurons(signal, 0.2)))
    assert grid_choice.claim_c9(table, 2000).verdict in ("partly", "not reproduced")
    assert table.agree.mean() < 0.6


def test_choices_by_hand() -> None:
    """Four neurons: the higher score has the purer grid in all pairs but two, one of them a tie."""
    rows = pd.DataFrame({"arm": "raw", "seed": 0, "score": [0.0, 0.3, 0.6, 0.9], "lift": [0.1, 0.1, 0.8, 0.5]})
    pairs = grid_choice.choices(rows)
    by_delta = pairs.assign(delta=pairs.delta.round(3)).groupby("delta").agrees.agg(["min", "max"])
    assert by_delta.loc[0.9].tolist() == [1, 1]
    assert by_delta.loc[0.6].tolist() == [1, 1]
    assert by_delta.loc[0.3].tolist() == [0, 1]
    tie = pairs[np.isclose(pairs.delta, 0.3)].agrees
    assert set(tie) == {0, 0.5, 1}


def test_bins_are_filled_evenly() -> None:
    pairs = grid_choice.choices(neurons(1.0, 0.1))
    counts = pairs[pairs.seed == 0].groupby("bin").size()
    assert (counts.drop(counts.index[-1]) == grid_choice.PAIRS // 10).all()
    assert (pairs.bin - 1e-6 <= pairs.delta).all() and (pairs.delta < pairs.bin + grid_choice.STEP + 1e-6).all()


def test_the_pool_holds_raw_neurons_and_latents_with_full_lists(cache: Path) -> None:
    session = open_session("13_checks", load_profile("scenes", SMALL))
    fitted = fit_all(session, [Recipe("matryoshka", 1, 8)])
    pool = grid_choice.pool(session, fitted, "network")
    assert set(pool.arm) == {"raw", "matryoshka"}
    assert (pool[pool.arm == "raw"].groupby("seed").size() == 128).all()
    assert pool.lift.between(0, 1).all() and pool.score.between(-1, 1).all()
