"""Paper 2, notebook 20: the evidence for C1, C2, C4, C5, C9 and C10.

table: of `alignment_table` for the main judge; codes: of `code_table`. n: rows that were judged or coded.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.papers.p2.two_tower_columns import MAIN, lead, of
from lib.papers.p2.two_tower_evidence import ABOUT, control, known, measured, raises_and_lowers
from lib.papers.p2.two_tower_gap import lead_with_clips_gap
from lib.report.effects import over_seeds
from lib.report.evidence import Evidence, not_measured
from lib.report.seeds import seeds_of

TOWERS = {"pictures": "fvu_image", "captions": "fvu_text"}
ARMS = (*MAIN, "untrained")


def c1(table: pd.DataFrame, n: int) -> Evidence:
    """Judge whether separate encoders leave latent i of both towers unrelated."""
    gap = measured(of(table, "gap", "SAE-D"), table)
    if isinstance(gap, str):
        return not_measured("p2.C1", gap)
    return Evidence(
        "p2.C1",
        {"intra - inter of SAE-D": gap},
        seeds_of(table),
        n,
        positive=control(of(table, "dealt", "SAE-D")),
        negative=control(of(table, "gap", "k-means")),
        context={
            "chance that a latent's own captions are nearer": over_seeds(of(table, "auc", "SAE-D")),
            ABOUT["latents"]: over_seeds(of(table, "latents", "SAE-D")),
        },
    )


def c2(table: pd.DataFrame, n: int) -> Evidence:
    """Judge whether a shared ordinary dictionary is between the other two."""
    return Evidence(
        "p2.C2",
        {
            "VL-SAE over SAE-S": measured(lead(table, "gap", "VL-SAE", "SAE-S"), table),
            "SAE-S over SAE-D": measured(lead(table, "gap", "SAE-S", "SAE-D"), table),
        },
        seeds_of(table),
        n,
        positive=control(lead(table, "gap", "k-means", "SAE-S")),
        negative=control(lead(table, "gap", "untrained", "SAE-S")),
        context=known({f"{label}, {arm}": of(table, column, arm) for column, label in ABOUT.items() for arm in MAIN}),
    )


def c4(codes: pd.DataFrame, dial: pd.DataFrame, n: int) -> Evidence:
    """Judge whether the two codes of a pair agree, and find each other. dial: of `gap_table`."""
    recall = {arm: of(codes, "r10", arm) for arm in (*MAIN, "untrained", "k-means")}
    cosine = {arm: of(codes, "matched", arm) - of(codes, "random", arm) for arm in MAIN}
    return Evidence(
        "p2.C4",
        {
            "R@10, VL-SAE minus SAE-S": over_seeds(recall["VL-SAE"] - recall["SAE-S"]),
            "R@10, SAE-S minus SAE-D": over_seeds(recall["SAE-S"] - recall["SAE-D"]),
            "cosine, VL-SAE minus SAE-S": over_seeds(cosine["VL-SAE"] - cosine["SAE-S"]),
            "cosine, SAE-S minus SAE-D": over_seeds(cosine["SAE-S"] - cosine["SAE-D"]),
        },
        seeds_of(codes),
        n,
        positive=lead_with_clips_gap(dial, "r10", "SAE-S"),
        negative=over_seeds(recall["untrained"] - recall["SAE-S"]),
        context={f"R@10, {arm}": over_seeds(values) for arm, values in recall.items()}
        | {f"cosine of true less other pairs, {arm}": over_seeds(values) for arm, values in cosine.items()},
    )


def c5(codes: pd.DataFrame, n: int) -> Evidence:
    """Judge the cost in reconstruction, which the paper does not report."""
    cost = {tower: lead(codes, column, "VL-SAE", "SAE-S") for tower, column in TOWERS.items()}
    means = {arm: np.mean([of(codes, column, arm) for column in TOWERS.values()], axis=0) for arm in ARMS}
    return Evidence(
        "p2.C5",
        {"mean of both towers": over_seeds(np.mean(list(cost.values()), axis=0))}
        | {tower: over_seeds(values) for tower, values in cost.items()},
        seeds_of(codes),
        n,
        positive=over_seeds(means["untrained"] - means["SAE-S"]),
        negative=over_seeds(np.roll(means["SAE-S"], 1) - means["SAE-S"]),
        context={
            f"FVU of {tower}, {arm}": over_seeds(of(codes, column, arm))
            for tower, column in TOWERS.items()
            for arm in ARMS
        },
    )


def c9(table: pd.DataFrame, n: int) -> Evidence:
    """Judge whether more training pairs help, with the same number of steps."""
    few = "VL-SAE on 10%"
    positive, negative = (control(lead(table, "gap", arm, few)) for arm in ("k-means", "untrained"))
    return raises_and_lowers("p2.C9", table, n, "VL-SAE", few, positive, negative)


def c10(table: pd.DataFrame, n: int) -> Evidence:
    """Judge whether the right pairing matters, since nothing in the loss couples the two sides of a pair."""
    own = of(table, "gap", "VL-SAE")
    return Evidence(
        "p2.C10",
        {"change": measured(lead(table, "gap", "VL-SAE shuffled", "VL-SAE"), table)},
        seeds_of(table),
        n,
        positive=control(np.abs(np.roll(own, 1) - own)),
        negative=control(lead(table, "gap", "untrained", "VL-SAE")),
        context={} if np.isnan(own).any() else {"intra - inter, VL-SAE": over_seeds(own)},
    )
