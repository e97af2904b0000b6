"""Paper 4, claims 1 to 4 and 6: from tables to evidence."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.papers.p4.oracle_masks import ORACLE
from lib.report.effects import Effect, over_seeds
from lib.report.evidence import Evidence
from lib.report.seeds import arch, curve, per_seed, seeds_of

MAIN, TUNED = "masker", "masker + text"
"""The arms with the edit alone, and with a tuned text side."""

LEAST_FALL = 0.1
"""Fall of untold facts below which a mask removes too little to test whether it plants anything (claim 3)."""

CONTROLS = ("all latents kept", "constant mask", "other caption's mask")


def selective(table: pd.DataFrame, n: int) -> Evidence:
    """Judge claim 1 from `selectivity_table`. n: captions."""
    arms = (TUNED, "caption's own code")
    masks = {f"mean mask, {column}": per_seed(table, column, arm=MAIN) for column in ("own", "same_factor", "untold")}
    return Evidence(
        "p4.1",
        {"AUROC": over_seeds(per_seed(table, "auroc", arm=MAIN))},
        seeds_of(table),
        n,
        positive=over_seeds(per_seed(table, "auroc", arm=ORACLE)),
        negative=over_seeds(per_seed(table, "auroc", arm="other caption's mask")),
        context={f"AUROC, {arm}": over_seeds(per_seed(table, "auroc", arm=arm)) for arm in arms}
        | {name: over_seeds(values) for name, values in masks.items()},
    )


def probe_means(table: pd.DataFrame, arm: str, told: bool, column: str = "accuracy") -> np.ndarray:
    """(seeds,): the mean over factors of a column of `probe_table`."""
    return table[(table.arm == arm) & (table.told == told)].groupby("seed")[column].mean().to_numpy()


def fall_of_untold(table: pd.DataFrame, arm: str, column: str = "accuracy") -> np.ndarray:
    """(seeds,): how far untold facts have fallen, from the unedited accuracy (0) to the majority's (1)."""
    plain, floor = probe_means(table, "unedited", False), probe_means(table, "unedited", False, "majority")
    return (plain - probe_means(table, arm, False, column)) / (plain - floor)


def erasing(table: pd.DataFrame, n: int) -> Evidence:
    """Judge claim 2 from `probe_table`. n: captions."""
    cost = probe_means(table, "unedited", True) - probe_means(table, MAIN, True)
    falls = {
        "text tuned": fall_of_untold(table, TUNED),
        "probe trained on untold only": fall_of_untold(table, MAIN, "apart"),
        "probe transferred from unedited": fall_of_untold(table, MAIN, "transferred"),
        **{arm: fall_of_untold(table, arm) for arm in CONTROLS if arm != "constant mask"},
    }
    return Evidence(
        "p4.2",
        {"fall of untold facts": over_seeds(fall_of_untold(table, MAIN)), "cost to told facts": over_seeds(cost)},
        seeds_of(table),
        n,
        positive=over_seeds(fall_of_untold(table, ORACLE)),
        negative=over_seeds(fall_of_untold(table, "constant mask")),
        context={f"fall, {name}": over_seeds(values) for name, values in falls.items()}
        | {f"told facts, {arm}": over_seeds(probe_means(table, arm, True)) for arm in ("unedited", MAIN)},
    )


def contradiction_means(table: pd.DataFrame, arm: str, column: str) -> np.ndarray:
    """(seeds,): a column of `contradiction_table`, averaged over factors by their number of pictures."""
    rows = table[table.arm == arm]
    total = (rows[column] * rows.pictures).groupby(rows.seed).sum()
    return (total / rows.groupby("seed").pictures.sum()).to_numpy()


def faithful(table: pd.DataFrame, probes: pd.DataFrame) -> Evidence:
    """Judge claim 3 from `contradiction_table`. probes: `probe_table`, which shows if the mask removes anything."""

    def excess(arm: str) -> np.ndarray:
        return contradiction_means(table, arm, "wrong") - contradiction_means(table, arm, "by_chance")

    headline: Effect | str = over_seeds(excess(MAIN))
    fall = fall_of_untold(probes, MAIN)
    if fall.mean() < LEAST_FALL:
        headline = f"untold facts fall by {fall.mean():.2f} of the way, so there is little that the mask could replace"
    return Evidence(
        "p4.3",
        {"excess of the wrong value": headline},
        seeds_of(table),
        int(table.groupby(["arm", "seed"]).pictures.sum().iloc[0]),
        positive=over_seeds(excess("unedited")),
        negative=over_seeds(contradiction_means(table, MAIN, "mask") - contradiction_means(table, MAIN, "by_chance")),
        context={
            "excess of the masker": over_seeds(excess(MAIN)),
            "excess, text tuned": over_seeds(excess(TUNED)),
            "excess, oracle mask of factors": over_seeds(excess(ORACLE)),
            "right value read, unedited": over_seeds(contradiction_means(table, "unedited", "right")),
            "right value read, edited": over_seeds(contradiction_means(table, MAIN, "right")),
        },
    )


def aligned(table: pd.DataFrame, n: int) -> Evidence:
    """Judge claim 4 from `gap_table`. n: captions."""

    def change(column: str, base: str, arm: str = MAIN) -> Effect:
        return over_seeds(per_seed(table, column, arm=arm) - per_seed(table, column, arm=base))

    columns = {"RMG": "rmg", "matched cosine": "matched", "L2M": "l2m"}
    plain = {name: change(column, "unedited") for name, column in columns.items()}
    kept = {f"{name} against reconstruction": change(column, "all latents kept") for name, column in columns.items()}
    apart = {
        arm: per_seed(table, "matched", arm=arm) - per_seed(table, "wrong_pairs", arm=arm)
        for arm in ("unedited", MAIN, TUNED)
    }
    return Evidence(
        "p4.4",
        plain | kept,
        seeds_of(table),
        n,
        positive=change("rmg", "unedited", ORACLE),
        negative=change("rmg", "unedited", "constant mask"),
        context={
            "RMG, text tuned": over_seeds(per_seed(table, "rmg", arm=TUNED)),
            **{f"RMG, {arm}": over_seeds(per_seed(table, "rmg", arm=arm)) for arm in ("unedited", MAIN, *CONTROLS)},
            **{f"matched minus wrong pairs, {arm}": over_seeds(values) for arm, values in apart.items()},
        },
    )


def gains(table: pd.DataFrame, arm: str, told: list[int], kind: str = "") -> np.ndarray:
    """(seeds, points): R@1 of an arm minus the unedited one along the dial, mean of both directions, in points."""
    ours, base = (
        sum(curve(table, f"{kind}{direction}", "told", told, arm=which) for direction in ("i2t", "t2i")) / 2
        for which in (arm, "unedited")
    )
    return np.asarray(ours - base)


def humped(table: pd.DataFrame, n: int) -> Evidence:
    """Judge claim 6 from `dial_table`. n: captions."""
    told = sorted(int(facts) for facts in table.told.unique())
    gain = gains(table, MAIN, told)
    by_truth = gains(table, MAIN, told, "true_")
    return Evidence(
        "p4.6",
        {"arch of the gain": over_seeds(arch(gain))},
        seeds_of(table),
        n,
        positive=over_seeds(arch(gains(table, ORACLE, told))),
        negative=over_seeds(arch(gains(table, "other caption's mask", told))),
        context={f"gain, {facts} facts": over_seeds(gain[:, i]) for i, facts in enumerate(told)}
        | {f"gain by truth, {facts} facts": over_seeds(by_truth[:, i]) for i, facts in enumerate(told)}
        | {"arch, text only": over_seeds(arch(gains(table, "text only", told)))},
    )
