"""Paper 2, notebook 23: the evidence for C3 and C6, of dictionaries with several numbers of active latents."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.papers.p2.two_tower_columns import MAIN, ks, lead, of
from lib.papers.p2.two_tower_evidence import ABOUT, control, inter_change, known, measured
from lib.report.effects import Effect, over_seeds
from lib.report.evidence import Evidence
from lib.report.seeds import curve, seeds_of


def c3(table: pd.DataFrame, n: int) -> Evidence:
    """Judge the paper's figure 3: VL-SAE above SAE-S above SAE-D at every K.

    table: of `alignment_table` for the main judge. n: rows that were judged.
    """
    tried = ks(table)
    gap, intra, inter, latents = (
        {arm: curve(table, column, "k", tried, arm=arm) for arm in MAIN}
        for column in ("gap", "intra", "inter", "latents")
    )
    gain = gap["VL-SAE"] - gap["SAE-S"]
    parts: dict[str, Effect | str] = {
        "VL-SAE over SAE-S": measured(gain.min(axis=1), table),
        "intra, VL-SAE minus SAE-S": measured((intra["VL-SAE"] - intra["SAE-S"]).min(axis=1), table),
        "intra, SAE-S minus SAE-D": measured(smallest(intra["SAE-S"] - intra["SAE-D"]), table),
    }
    for other in ("SAE-S", "SAE-D"):
        part, change = f"inter, VL-SAE minus {other}", largest(inter["VL-SAE"] - inter[other])
        parts[part] = inter_change("p2.C3", part, change, smallest(inter[other]), table)
    return Evidence(
        "p2.C3",
        parts,
        seeds_of(table),
        n,
        positive=control(lead(table, "gap", "k-means", "SAE-S")),
        negative=control(lead(table, "gap", "untrained", "SAE-S")),
        context=known({f"VL-SAE over SAE-S, K {k}": gain[:, place] for place, k in enumerate(tried)})
        | {f"{ABOUT['latents']}, {arm}, fewest over K": over_seeds(latents[arm].min(axis=1)) for arm in MAIN},
    )


def smallest(curves: np.ndarray) -> np.ndarray:
    """(seeds,): the smallest value of each curve (seeds, K), over the K at which there are concepts to compare."""
    return np.fmin.reduce(curves, axis=1)


def largest(curves: np.ndarray) -> np.ndarray:
    """(seeds,): the largest value of each curve (seeds, K), over the K at which there are concepts to compare."""
    return np.fmax.reduce(curves, axis=1)


def c6(codes: pd.DataFrame, n: int) -> Evidence:
    """Judge the share of latents that no test row activates, averaged over both towers.

    codes: of `code_table`. n: test rows.
    """
    tried = ks(codes)
    few, many = tried[0], tried[-1]

    def dead(arm: str, k: int) -> np.ndarray:
        return (of(codes, "dead_image", arm, k) + of(codes, "dead_text", arm, k)) / 2

    better = {k: np.minimum(dead("SAE-S", k), dead("SAE-D", k)) for k in (few, many)}
    start = {arm: dead(f"{arm}, untrained", few) for arm in MAIN}
    saved = {k: better[k] - dead("VL-SAE", k) for k in (few, many)}
    return Evidence(
        "p2.C6",
        {
            "fewest at the smallest K": over_seeds(saved[few]),
            "smaller lead at the largest K": over_seeds(saved[few] - saved[many]),
        },
        seeds_of(codes),
        n,
        positive=over_seeds(better[few]),
        negative=over_seeds(np.minimum(start["SAE-S"], start["SAE-D"]) - start["VL-SAE"]),
        context={f"dead, {arm}, K {k}": over_seeds(dead(arm, k)) for arm in MAIN for k in tried},
    )
