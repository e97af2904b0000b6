"""Verdicts of paper 1: each comes out `reproduced` on a table made to show it and fails on one made to deny it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from lib.report.claims import Claim
from lib.run.profiles import load_profile
from lib.run.start import open_session
from lib.run.studies import monosemanticity as study
from lib.run.studies import monosemanticity_claims as claims

SEEDS, WIDTHS, KS, K, N = (0, 1, 2), [1, 2, 4, 8], [1, 4, 8, 16, 32], 8, 2000
CHANCE = {"network": 0.02, "truth": 0.01}


def ideal_table() -> pd.DataFrame:
    """A score table in which every claim of the paper holds."""
    rows = []
    for judge, chance in CHANCE.items():
        for seed in SEEDS:
            base = {"seed": seed, "judge": judge, "chance": chance, "sd": 0.001, "worst": 0.0, "live": 1.0}
            for arm in ("raw", "raw ReLU", "rotated"):
                rows.append(base | _row(arm, 1, 128, mean=chance + 0.001, above=0.0))
            for e in WIDTHS:
                hump = {1: 0.2, 2: 0.3, 4: 0.35, 8: 0.25}[e] + 0.001 * seed
                rows.append(base | _row("matryoshka", e, K, mean=hump, above=0.97, best=0.5 + 0.05 * e, high=10.0 * e))
                rows.append(base | _row("batch_topk", e, K, mean=hump - 0.03, above=0.95, r2=0.75))
                rows.append(base | _row("untrained", e, K, mean=0.1, above=0.6))
            rows.append(base | _row("shuffled", 1, K, mean=chance, above=0.1))
            for k in KS:
                if k != K:
                    mean, r2 = 0.2 + 0.1 * (np.log(K) - np.log(k)), 0.7 + 0.05 * (np.log(k) - np.log(K))
                    rows.append(base | _row("matryoshka", 1, k, mean=mean, above=0.97, r2=r2))
    return pd.DataFrame(rows)


def _row(arm: str, expansion: int, k: int, *, mean: float, above: float, **rest: float) -> dict[str, object]:
    given = {"best": 0.5, "high": 10.0, "r2": 0.7} | rest
    return {
        "arm": arm,
        "expansion": expansion,
        "k": k,
        "mean": mean,
        "above_raw": above,
        "best": given["best"],
        "supported_best": given["best"],
        "high": given["high"],
        "r2": given["r2"],
        "l0": k * 1.01,
    }


def agreement(noise: float) -> pd.DataFrame:
    random = np.random.default_rng(0)
    parts = []
    for seed in SEEDS:
        score = random.random(200)
        parts.append(pd.DataFrame({"seed": seed, "network": score, "truth": score + noise * random.random(200)}))
    return pd.concat(parts)


def overlap(half: float, share: float) -> pd.DataFrame:
    return pd.DataFrame({"seed": SEEDS, "half": half, "any": share, "any_random": 0.013})


MADE: dict[str, Callable[[pd.DataFrame], Claim]] = {
    "p1.C1": lambda table: claims.claim_c1(table, K, N),
    "p1.C2": lambda table: claims.claim_c2(table, K, WIDTHS, N),
    "p1.C3": lambda table: claims.claim_c3(table, K, WIDTHS, N),
    "p1.C4": lambda table: claims.claim_c4(table, KS, N),
    "p1.C5": lambda table: claims.claim_c5(table, K, WIDTHS, N),
    "p1.C6": lambda table: claims.claim_c6(table, N),
    "p1.C7": lambda table: claims.claim_c7(agreement(0.1), table, K, 4, N),
    "p1.C11": lambda table: claims.claim_c11(overlap(1e-5, 0.01), table, 4, N),
    "p1.C12": lambda table: claims.claim_c12(table, K, WIDTHS, N),
}


@pytest.mark.parametrize("id", MADE)
def test_a_table_that_shows_the_claim_reproduces_it(id: str) -> None:
    claim = MADE[id](ideal_table())
    assert (claim.id, claim.verdict) == (id, "reproduced")
    assert claim.n == N and claim.controls


def spoil(column: str, value: float, **where: object) -> pd.DataFrame:
    """The ideal table with one column overwritten where the conditions hold."""
    table = ideal_table()
    table.loc[(table[list(where)] == pd.Series(where)).all(axis=1), column] = value
    return table


SPOILT = {
    "p1.C1": spoil("above_raw", 0.8, arm="matryoshka", expansion=1),
    "p1.C2": spoil("supported_best", 0.3, arm="matryoshka", expansion=8),
    "p1.C3": spoil("mean", 0.5, arm="matryoshka", expansion=8),
    "p1.C4": spoil("mean", 0.9, arm="matryoshka", expansion=1, k=32),
    "p1.C5": spoil("mean", 0.9, arm="batch_topk"),
    "p1.C6": spoil("mean", 0.3, arm="raw"),
    "p1.C12": spoil("l0", 9.0, arm="batch_topk", expansion=4),
}


@pytest.mark.parametrize("id", SPOILT)
def test_a_table_that_denies_the_claim_does_not_reproduce_it(id: str) -> None:
    assert MADE[id](SPOILT[id]).verdict in ("partly", "not reproduced")


def test_the_verdict_is_partly_when_one_part_fails() -> None:
    assert claims.claim_c3(spoil("high", 0.0, arm="matryoshka", expansion=8), K, WIDTHS, N).verdict == "partly"
    assert claims.claim_c4(spoil("r2", 0.1, arm="matryoshka", expansion=1, k=32), KS, N).verdict == "partly"
    assert claims.claim_c5(spoil("r2", 0.9, arm="matryoshka"), K, WIDTHS, N).verdict == "partly"


def test_judges_that_disagree_and_copies_of_latents_are_found() -> None:
    assert claims.claim_c7(agreement(1e3), ideal_table(), K, 4, N).verdict == "partly"
    assert claims.claim_c11(overlap(0.01, 0.2), ideal_table(), 4, N).verdict == "not reproduced"
    assert claims.claim_c11(overlap(1e-5, 0.2), ideal_table(), 4, N).verdict == "partly"


def test_one_seed_that_fails_is_not_hidden() -> None:
    table = spoil("above_raw", 0.5, arm="matryoshka", expansion=1, seed=1)
    claim = claims.claim_c1(table, K, N)
    assert claim.verdict == "partly" and claim.spread.values == [0.97, 0.5, 0.97]


def test_another_judge_and_notebook_can_be_named() -> None:
    claim = claims.claim_c1(ideal_table(), K, N, "truth", "03_real_clip")
    assert claim.notebook == "03_real_clip" and claim.verdict == "reproduced"


def test_widths_without_a_supported_latent_are_left_out_of_the_trend() -> None:
    claim = claims.claim_c2(spoil("supported_best", np.nan, expansion=8, seed=1), K, WIDTHS, N)
    assert claim.verdict == "reproduced" and "x1 to x4" in claim.metric
    claim = claims.claim_c2(spoil("supported_best", np.nan, seed=1), K, WIDTHS, N)
    assert (claim.verdict, claim.effect) == ("not testable here", None)


def test_two_widths_show_a_trend_but_no_hump() -> None:
    assert claims.claim_c2(ideal_table(), K, [1, 8], N).verdict == "reproduced"
    assert claims.claim_c3(ideal_table(), K, [1, 8], N).verdict == "not testable here"


@pytest.mark.parametrize(("given", "widths", "wide"), [([16], [1, 16], 16), ([8, 4], [1, 4, 8], 4), ([1], [1], 1)])
def test_every_profile_has_what_the_claims_compare(given: list[int], widths: list[int], wide: int) -> None:
    """Whatever expansions it names: raw neurons stand beside x1, and some width is looked at latent by latent."""
    session = open_session("10", load_profile("scenes", [f"sae.expansions={given}"]))
    assert (study.widths(session), study.wide(session)) == (widths, wide)
    assert {(r.expansion, r.k) for r in study.recipes(session)} >= {(1, k) for k in study.KS} | {(wide, 8)}


def test_one_judge_cannot_agree_with_another() -> None:
    agreement = pd.DataFrame({"seed": [0, 0], "latent": [1, 2], "network": [0.1, 0.2]})
    claim = claims.claim_c7(agreement, pd.DataFrame(), 8, 4, 100)
    assert (claim.id, claim.verdict, claim.effect) == ("p1.C7", "not testable here", None)
    assert claim.notebook == "10_monosemanticity" and "one judge" in claim.why
