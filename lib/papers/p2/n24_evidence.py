"""Paper 2, notebook 24: the evidence for C7, C8, C12 and C13, one part of the model at a time.

table: of `alignment_table` for the main judge. n: rows that were judged.
"""

from __future__ import annotations

import pandas as pd

from lib.papers.p2.two_tower_columns import lead, of
from lib.papers.p2.two_tower_evidence import ABOUT, control, known, measured, raises_and_lowers
from lib.papers.p2.two_tower_gap import lead_with_clips_gap
from lib.report.evidence import Evidence
from lib.report.seeds import seeds_of


def c7(table: pd.DataFrame, dial: pd.DataFrame, n: int) -> Evidence:
    """Judge the effect of the second decoder. dial: of `gap_table`, with CLIP's gap among its strengths."""
    one = "distance, one decoder"
    positive = lead_with_clips_gap(dial, "gap", one)
    negative = control(lead(table, "gap", "untrained", f"{one}, untrained"))
    return raises_and_lowers("p2.C7", table, n, "VL-SAE", one, positive, negative)


def c8(table: pd.DataFrame, dial: pd.DataFrame, n: int) -> Evidence:
    """Judge the distance against the cosine: both select the same latents, so only values and gradients can differ.

    dial: of `gap_table`, with CLIP's gap among its strengths.
    """
    cosine = "cosine, two decoders"
    return Evidence(
        "p2.C8",
        {"intra - inter": measured(lead(table, "gap", "VL-SAE", cosine), table)},
        seeds_of(table),
        n,
        positive=lead_with_clips_gap(dial, "gap", cosine),
        negative=control(lead(table, "gap", "untrained", f"{cosine}, untrained")),
        context=known(
            {f"{column}, distance minus cosine": lead(table, column, "VL-SAE", cosine) for column in ("intra", "inter")}
            | {f"{ABOUT['latents']}, {arm}": of(table, "latents", arm) for arm in ("VL-SAE", cosine)}
        ),
    )


def c12(table: pd.DataFrame, n: int) -> Evidence:
    """Judge the effect of the sparsifier."""
    positive, negative = (control(lead(table, "gap", arm, "L1 for TopK")) for arm in ("k-means", "untrained"))
    return raises_and_lowers("p2.C12", table, n, "VL-SAE", "L1 for TopK", positive, negative)


def c13(table: pd.DataFrame, n: int) -> Evidence:
    """Judge a cheaper way to the same effect: subtract each modality's mean."""
    gain = lead(table, "gap", "SAE-S centred", "SAE-S")
    missing = lead(table, "gap", "VL-SAE", "SAE-S")
    return Evidence(
        "p2.C13",
        {"gain": measured(gain, table), "at least half of the lead": measured(gain - missing / 2, table)},
        seeds_of(table),
        n,
        positive=control(missing),
        negative=control(lead(table, "gap", "SAE-S shifted", "SAE-S")),
        context=known(
            {
                f"{label}, {arm}": of(table, column, arm)
                for column, label in ABOUT.items()
                for arm in ("SAE-S", "SAE-S centred", "SAE-S shifted", "VL-SAE")
            }
        ),
    )
