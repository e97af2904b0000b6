"""Choices of a truth that agrees, that tosses a coin, and that disagrees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lib.papers.common.dictionaries import Recipe, fit_recipes
from lib.papers.p1 import n13_grid_choice
from lib.worlds.profiles import load_profile
from lib.worlds.session import open_session

SMALL = ["splits.train=400", "splits.dev=5", "splits.test=120", "sae.steps=20", "sae.batch=128", "seeds=[0,1]"]


def neurons(signal: float, noise: float) -> pd.DataFrame:
    parts = []
    for seed in (0, 1, 2):
        random = np.random.default_rng(seed)
        score = random.random(300)
        lift = signal * score + noise * random.standard_normal(300)
        parts.append(pd.DataFrame({"arm": "matryoshka", "seed": seed, "score": score, "lift": lift}))
    return pd.concat(parts)


def test_purity_that_follows_the_score_agrees_the_more_the_further_apart() -> None:
    table = n13_grid_choice.agreement_by_bin(n13_grid_choice.choose_grids(neurons(1.0, 0.2)))
    for _, rows in table.groupby("seed"):
        assert rows.agree.iloc[0] < 0.7 < rows.agree.mean() < 0.95 < rows.agree.iloc[-1]


@pytest.mark.parametrize(("signal", "low", "high"), [(0.0, 0.4, 0.6), (-1.0, 0.0, 0.3)])
def test_purity_that_does_not_is_seen(signal: float, low: float, high: float) -> None:
    table = n13_grid_choice.agreement_by_bin(n13_grid_choice.choose_grids(neurons(signal, 0.2)))
    assert low < table.agree.mean() < high


def test_scores_of_others_are_the_same_scores_and_know_nothing_of_the_grids() -> None:
    given = neurons(1.0, 0.1)
    dealt = n13_grid_choice.scores_of_others(given)
    for seed, rows in given.groupby("seed"):
        other = dealt[dealt.seed == seed]
        np.testing.assert_array_equal(np.sort(other.score), np.sort(rows.score))
        np.testing.assert_array_equal(other.lift, rows.lift)
    agree = n13_grid_choice.agreement_by_bin(n13_grid_choice.choose_grids(dealt)).groupby("seed").agree.mean()
    assert agree.between(0.35, 0.65).all()


def test_purity_in_place_of_the_score_agrees_wherever_it_is_not_tied() -> None:
    given = neurons(0.0, 1.0)
    pairs = n13_grid_choice.choose_grids(given.assign(score=given.lift))
    assert (pairs.agrees == 1).all()


def test_choices_by_hand() -> None:
    """Four neurons: the higher score has the purer grid in all pairs but two, one of them a tie."""
    rows = pd.DataFrame({"arm": "raw", "seed": 0, "score": [0.0, 0.3, 0.6, 0.9], "lift": [0.1, 0.1, 0.8, 0.5]})
    pairs = n13_grid_choice.choose_grids(rows)
    by_delta = pairs.assign(delta=pairs.delta.round(3)).groupby("delta").agrees.agg(["min", "max"])
    assert by_delta.loc[0.9].tolist() == [1, 1]
    assert by_delta.loc[0.6].tolist() == [1, 1]
    assert by_delta.loc[0.3].tolist() == [0, 1]
    tie = pairs[np.isclose(pairs.delta, 0.3)].agrees
    assert set(tie) == {0, 0.5, 1}


def test_bins_are_filled_evenly() -> None:
    pairs = n13_grid_choice.choose_grids(neurons(1.0, 0.1))
    counts = pairs[pairs.seed == 0].groupby("bin").size()
    assert (counts.drop(counts.index[-1]) == n13_grid_choice.PAIRS_PER_SEED // 10).all()
    assert (pairs.bin - 1e-6 <= pairs.delta).all() and (
        pairs.delta < pairs.bin + n13_grid_choice.BIN_WIDTH + 1e-6
    ).all()


def test_the_pool_holds_raw_neurons_and_latents_with_full_lists(cache: Path) -> None:
    session = open_session("13_checks", load_profile("scenes", SMALL))
    fitted = fit_recipes(session, [Recipe("matryoshka", 1, 8)])
    pool = n13_grid_choice.grid_pool(session, fitted, "network")
    assert set(pool.arm) == {"raw", "matryoshka"}
    assert (pool[pool.arm == "raw"].groupby("seed").size() == 128).all()
    assert pool.lift.between(0, 1).all() and pool.score.between(-1, 1).all()
