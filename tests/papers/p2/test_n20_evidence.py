"""Evidence for C1, C2, C4, C5, C9 and C10, each number against loops over the rows of its table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lib.papers.p2 import n20_evidence as evidence
from lib.papers.p2.two_tower_gap import DIAL_ARMS, STRENGTHS
from lib.report.effects import over_seeds
from lib.report.evidence import not_measured
from tests.papers.p2.examples import SEEDS, about, cell, check, minus, own, random_table

ARMS = dict.fromkeys(
    ("SAE-D", "SAE-S", "VL-SAE", "untrained", "k-means", "VL-SAE shuffled", "VL-SAE on 10%"),
    (32,),
)
TEN = "VL-SAE on 10%"


@pytest.fixture
def table() -> pd.DataFrame:
    return random_table(ARMS, ["intra", "inter", "gap", "gap_any", "auc", "dealt", "latents"])


@pytest.fixture
def codes() -> pd.DataFrame:
    return random_table(ARMS, ["matched", "random", "r1", "r10", "fvu_image", "fvu_text"])


def test_separate_dictionaries(table: pd.DataFrame) -> None:
    check(
        evidence.c1(table, 2000),
        "p2.C1",
        2000,
        {"intra - inter of SAE-D": own(table, "gap", "SAE-D")},
        positive=own(table, "dealt", "SAE-D"),
        negative=own(table, "gap", "k-means"),
        context={
            "chance that a latent's own captions are nearer": own(table, "auc", "SAE-D"),
            "latents with ten pictures and ten captions": own(table, "latents", "SAE-D"),
        },
    )


def test_the_shared_dictionary_lies_between(table: pd.DataFrame) -> None:
    check(
        evidence.c2(table, 2000),
        "p2.C2",
        2000,
        {
            "VL-SAE over SAE-S": minus(table, "gap", "VL-SAE", "SAE-S"),
            "SAE-S over SAE-D": minus(table, "gap", "SAE-S", "SAE-D"),
        },
        positive=minus(table, "gap", "k-means", "SAE-S"),
        negative=minus(table, "gap", "untrained", "SAE-S"),
        context=about(table, "VL-SAE", "SAE-S", "SAE-D"),
    )


def test_codes_agree_and_find_each_other(codes: pd.DataFrame) -> None:
    def beyond(arm: str) -> list[float]:
        return [cell(codes, "matched", arm, seed) - cell(codes, "random", arm, seed) for seed in SEEDS]

    def ahead(arm: str, other: str) -> list[float]:
        return [one - two for one, two in zip(beyond(arm), beyond(other), strict=True)]

    main = ("VL-SAE", "SAE-S", "SAE-D")
    rng = np.random.default_rng(3)
    dial = pd.DataFrame(
        [(s, arm.name, 32, seed, rng.random()) for s in STRENGTHS for arm in DIAL_ARMS for seed in SEEDS],
        columns=["strength", "arm", "k", "seed", "r10"],
    )
    full = dial[dial.strength == 1.0]
    check(
        evidence.c4(codes, dial, 500),
        "p2.C4",
        500,
        {
            "R@10, VL-SAE minus SAE-S": minus(codes, "r10", "VL-SAE", "SAE-S"),
            "R@10, SAE-S minus SAE-D": minus(codes, "r10", "SAE-S", "SAE-D"),
            "cosine, VL-SAE minus SAE-S": over_seeds(ahead("VL-SAE", "SAE-S")),
            "cosine, SAE-S minus SAE-D": over_seeds(ahead("SAE-S", "SAE-D")),
        },
        positive=minus(full, "r10", "VL-SAE", "SAE-S"),
        negative=minus(codes, "r10", "untrained", "SAE-S"),
        context={f"R@10, {arm}": own(codes, "r10", arm) for arm in (*main, "untrained", "k-means")}
        | {f"cosine of true less other pairs, {arm}": over_seeds(beyond(arm)) for arm in main},
    )


def test_reconstruction_costs(codes: pd.DataFrame) -> None:
    both = []
    for seed in SEEDS:
        image = cell(codes, "fvu_image", "VL-SAE", seed) - cell(codes, "fvu_image", "SAE-S", seed)
        text = cell(codes, "fvu_text", "VL-SAE", seed) - cell(codes, "fvu_text", "SAE-S", seed)
        both.append((image + text) / 2)
    means = {
        arm: [(cell(codes, "fvu_image", arm, seed) + cell(codes, "fvu_text", arm, seed)) / 2 for seed in SEEDS]
        for arm in ("SAE-S", "untrained")
    }
    main = ("VL-SAE", "SAE-S", "SAE-D", "untrained")
    found = evidence.c5(codes, 500)
    assert found.positive is not None and found.negative is not None
    assert found.positive.values == pytest.approx(np.subtract(means["untrained"], means["SAE-S"]))
    assert found.negative.values == pytest.approx([means["SAE-S"][i - 1] - means["SAE-S"][i] for i in range(4)])
    check(
        found,
        "p2.C5",
        500,
        {
            "mean of both towers": over_seeds(both),
            "pictures": minus(codes, "fvu_image", "VL-SAE", "SAE-S"),
            "captions": minus(codes, "fvu_text", "VL-SAE", "SAE-S"),
        },
        positive=found.positive,
        negative=found.negative,
        context={f"FVU of pictures, {arm}": own(codes, "fvu_image", arm) for arm in main}
        | {f"FVU of captions, {arm}": own(codes, "fvu_text", arm) for arm in main},
    )


def test_more_pairs(table: pd.DataFrame) -> None:
    check(
        evidence.c9(table, 2000),
        "p2.C9",
        2000,
        {
            "intra - inter": minus(table, "gap", "VL-SAE", TEN),
            "intra": minus(table, "intra", "VL-SAE", TEN),
            "inter": minus(table, "inter", "VL-SAE", TEN),
        },
        positive=minus(table, "gap", "k-means", TEN),
        negative=minus(table, "gap", "untrained", TEN),
        context=about(table, "VL-SAE", TEN),
    )


def test_shuffled_captions(table: pd.DataFrame) -> None:
    gaps = [cell(table, "gap", "VL-SAE", seed) for seed in SEEDS]
    check(
        evidence.c10(table, 2000),
        "p2.C10",
        2000,
        {"change": minus(table, "gap", "VL-SAE shuffled", "VL-SAE")},
        positive=over_seeds([abs(gaps[i - 1] - gaps[i]) for i in range(len(SEEDS))]),
        negative=minus(table, "gap", "untrained", "VL-SAE"),
        context={"intra - inter, VL-SAE": own(table, "gap", "VL-SAE")},
    )


def test_a_dictionary_without_concepts_is_named(table: pd.DataFrame) -> None:
    lost = (table.arm == "SAE-D") & table.seed.isin([1, 3])
    table.loc[lost, ["intra", "inter", "gap", "auc"]] = np.nan
    why = "fewer than two latents have ten pictures and ten captions (seeds 1, 3)"
    assert evidence.c1(table, 2000) == not_measured("p2.C1", why)
    second = evidence.c2(table, 2000)
    assert second.parts["SAE-S over SAE-D"] == why
    assert second.parts["VL-SAE over SAE-S"] == minus(table, "gap", "VL-SAE", "SAE-S")


def test_inter_that_has_no_room_to_fall(table: pd.DataFrame) -> None:
    table.loc[table.arm == TEN, "inter"] = [0.019, 0.021, 0.0185, 0.0205]
    found = evidence.c9(table, 2000)
    assert found.parts["inter"] == "inter starts at 0.020, as under a centred judge, and has no room to fall by 0.02"
    table.loc[table.arm == TEN, "inter"] = [0.0191, 0.0211, 0.0186, 0.0216]
    assert evidence.c9(table, 2000).parts["inter"] == minus(table, "inter", "VL-SAE", TEN)
