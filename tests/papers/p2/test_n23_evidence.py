"""Evidence for C3 and C6, each number against loops over the rows of its table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lib.papers.p2 import n23_evidence as evidence
from lib.papers.p2.two_tower_columns import ks
from lib.report.effects import over_seeds
from tests.papers.p2.examples import SEEDS, cell, check, minus, random_table

KS = (8, 16, 32)
MAIN = ("VL-SAE", "SAE-S", "SAE-D")
STARTS = dict.fromkeys([f"{arm}, untrained" for arm in MAIN], (8,))
ARMS = dict.fromkeys(MAIN, KS) | {"untrained": (32,), "k-means": (32,)} | STARTS


@pytest.fixture
def table() -> pd.DataFrame:
    return random_table(ARMS, ["intra", "inter", "gap", "latents"])


@pytest.fixture
def codes() -> pd.DataFrame:
    return random_table(ARMS, ["dead_image", "dead_text"])


def over_k(table: pd.DataFrame, column: str, arm: str, other: str) -> list[list[float]]:
    """For each seed the differences of two arms, one for each K."""
    return [[cell(table, column, arm, s, k) - cell(table, column, other, s, k) for k in KS] for s in SEEDS]


def test_the_order_at_every_k(table: pd.DataFrame) -> None:
    leads = over_k(table, "gap", "VL-SAE", "SAE-S")
    check(
        evidence.c3(table, 2000),
        "p2.C3",
        2000,
        {
            "VL-SAE over SAE-S": over_seeds([min(one) for one in leads]),
            "intra, VL-SAE minus SAE-S": over_seeds([min(one) for one in over_k(table, "intra", "VL-SAE", "SAE-S")]),
            "intra, SAE-S minus SAE-D": over_seeds([min(one) for one in over_k(table, "intra", "SAE-S", "SAE-D")]),
            "inter, VL-SAE minus SAE-S": over_seeds([max(one) for one in over_k(table, "inter", "VL-SAE", "SAE-S")]),
            "inter, VL-SAE minus SAE-D": over_seeds([max(one) for one in over_k(table, "inter", "VL-SAE", "SAE-D")]),
        },
        positive=minus(table, "gap", "k-means", "SAE-S"),
        negative=minus(table, "gap", "untrained", "SAE-S"),
        context={f"VL-SAE over SAE-S, K {k}": over_seeds([one[place] for one in leads]) for place, k in enumerate(KS)}
        | {
            f"latents with ten pictures and ten captions, {arm}, fewest over K": over_seeds(
                [min(cell(table, "latents", arm, seed, k) for k in KS) for seed in SEEDS]
            )
            for arm in MAIN
        },
    )


def test_a_k_at_which_separate_dictionaries_have_no_concept(table: pd.DataFrame) -> None:
    table.loc[(table.arm == "SAE-D") & (table.k == 8) & (table.seed == 1), ["intra", "inter", "gap"]] = np.nan
    found = evidence.c3(table, 2000).parts
    intra, inter = over_k(table, "intra", "SAE-S", "SAE-D"), over_k(table, "inter", "VL-SAE", "SAE-D")
    intra[1], inter[1] = intra[1][1:], inter[1][1:]
    assert found["intra, SAE-S minus SAE-D"] == over_seeds([min(one) for one in intra])
    assert found["inter, VL-SAE minus SAE-D"] == over_seeds([max(one) for one in inter])

    table.loc[(table.arm == "SAE-D") & (table.seed == 1), ["intra", "inter", "gap"]] = np.nan
    found = evidence.c3(table, 2000).parts
    why = "fewer than two latents have ten pictures and ten captions (seeds 1)"
    assert found["intra, SAE-S minus SAE-D"] == found["inter, VL-SAE minus SAE-D"] == why


def test_inter_needs_room_at_every_k(table: pd.DataFrame) -> None:
    table.loc[(table.arm == "SAE-S") & (table.k == 16), "inter"] = 0.0199
    found = evidence.c3(table, 2000).parts
    no_room = "inter starts at 0.020, as under a centred judge, and has no room to fall by 0.02"
    assert found["inter, VL-SAE minus SAE-S"] == no_room
    assert found["inter, VL-SAE minus SAE-D"] == over_seeds(
        [max(one) for one in over_k(table, "inter", "VL-SAE", "SAE-D")]
    )


def test_dead_latents(codes: pd.DataFrame) -> None:
    def dead(arm: str, seed: int, k: int) -> float:
        return (cell(codes, "dead_image", arm, seed, k) + cell(codes, "dead_text", arm, seed, k)) / 2

    def saved(seed: int, k: int) -> float:
        return min(dead("SAE-S", seed, k), dead("SAE-D", seed, k)) - dead("VL-SAE", seed, k)

    better = {min(("SAE-S", "SAE-D"), key=lambda arm: dead(arm, seed, 8)) for seed in SEEDS}
    assert better == {"SAE-S", "SAE-D"}  # the table has both cases
    check(
        evidence.c6(codes, 500),
        "p2.C6",
        500,
        {
            "fewest at the smallest K": over_seeds([saved(seed, 8) for seed in SEEDS]),
            "smaller lead at the largest K": over_seeds([saved(seed, 8) - saved(seed, 32) for seed in SEEDS]),
        },
        positive=over_seeds([min(dead("SAE-S", seed, 8), dead("SAE-D", seed, 8)) for seed in SEEDS]),
        negative=over_seeds(
            [
                min(dead("SAE-S, untrained", seed, 8), dead("SAE-D, untrained", seed, 8))
                - dead("VL-SAE, untrained", seed, 8)
                for seed in SEEDS
            ]
        ),
        context={f"dead, {arm}, K {k}": over_seeds([dead(arm, seed, k) for seed in SEEDS]) for arm in MAIN for k in KS},
    )


def test_ks_are_those_of_the_papers_model(table: pd.DataFrame) -> None:
    assert ks(pd.concat([table, pd.DataFrame([{"arm": "L1 for TopK", "k": 512, "seed": 0}])])) == list(KS)
