"""Evidence for C7, C8, C12 and C13, each number against loops over the rows of its table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lib.papers.p2 import n24_evidence as evidence
from lib.papers.p2.two_tower_gap import DIAL_ARMS, STRENGTHS
from lib.report.effects import over_seeds
from tests.papers.p2.examples import SEEDS, about, cell, check, minus, own, random_table

SHARED, COSINE, L1 = "distance, one decoder", "cosine, two decoders", "L1 for TopK"
STARTS = ("untrained", f"{SHARED}, untrained", f"{COSINE}, untrained")
CENTRED, SHIFTED = "SAE-S centred", "SAE-S shifted"
ARMS = dict.fromkeys(("SAE-S", CENTRED, SHIFTED, "VL-SAE", SHARED, COSINE, "k-means", *STARTS), (32,)) | {L1: (512,)}


@pytest.fixture
def table() -> pd.DataFrame:
    return random_table(ARMS, ["intra", "inter", "gap", "gap_any", "latents"])


@pytest.fixture
def dial() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    rows = [(s, arm.name, 32, seed, rng.random()) for s in STRENGTHS for arm in DIAL_ARMS for seed in SEEDS]
    return pd.DataFrame(rows, columns=["strength", "arm", "k", "seed", "gap"])


@pytest.mark.parametrize("id", ["p2.C7", "p2.C12"])
def test_higher_intra_and_lower_inter(id: str, table: pd.DataFrame, dial: pd.DataFrame) -> None:
    other = {"p2.C7": SHARED, "p2.C12": L1}[id]
    check(
        evidence.c7(table, dial, 2000) if id == "p2.C7" else evidence.c12(table, 2000),
        id,
        2000,
        {
            "intra - inter": minus(table, "gap", "VL-SAE", other),
            "intra": minus(table, "intra", "VL-SAE", other),
            "inter": minus(table, "inter", "VL-SAE", other),
        },
        positive=minus(dial[dial.strength == 1.0], "gap", "VL-SAE", SHARED)
        if id == "p2.C7"
        else minus(table, "gap", "k-means", L1),
        negative=minus(table, "gap", "untrained", f"{SHARED}, untrained" if id == "p2.C7" else L1),
        context=about(table, "VL-SAE", other),
    )


def test_the_distance_against_the_cosine(table: pd.DataFrame, dial: pd.DataFrame) -> None:
    check(
        evidence.c8(table, dial, 2000),
        "p2.C8",
        2000,
        {"intra - inter": minus(table, "gap", "VL-SAE", COSINE)},
        positive=minus(dial[dial.strength == 1.0], "gap", "VL-SAE", COSINE),
        negative=minus(table, "gap", "untrained", f"{COSINE}, untrained"),
        context={
            f"{column}, distance minus cosine": minus(table, column, "VL-SAE", COSINE) for column in ("intra", "inter")
        }
        | {
            f"latents with ten pictures and ten captions, {arm}": own(table, "latents", arm)
            for arm in ("VL-SAE", COSINE)
        },
    )


def test_centring(table: pd.DataFrame) -> None:
    beyond_half = []
    for seed in SEEDS:
        base = cell(table, "gap", "SAE-S", seed)
        gain, lead = cell(table, "gap", "SAE-S centred", seed) - base, cell(table, "gap", "VL-SAE", seed) - base
        beyond_half.append(gain - lead / 2)
    check(
        evidence.c13(table, 2000),
        "p2.C13",
        2000,
        {"gain": minus(table, "gap", "SAE-S centred", "SAE-S"), "at least half of the lead": over_seeds(beyond_half)},
        positive=minus(table, "gap", "VL-SAE", "SAE-S"),
        negative=minus(table, "gap", SHIFTED, "SAE-S"),
        context=about(table, "SAE-S", CENTRED, SHIFTED, "VL-SAE"),
    )
