"""Paper 2: the modality gap as a dial, since only with a gap can a second decoder or a distance have an effect.

Every arm is trained again on the world's pairs with the gap set to a share of CLIP's (`set_gap`). Captions, pictures
and judges stay the same. At CLIP's own gap the differences of the arms are positive controls of notebooks 20 and 24.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from lib.metrics.gap import modality_gap
from lib.papers.p2.two_tower_columns import lead
from lib.papers.p2.two_tower_dictionaries import COSINE, ONE_DECODER, SAE_S, VL_SAE, TwoTowerArm, fit_two_tower_arms
from lib.papers.p2.two_tower_measures import alignment_table, code_table
from lib.report.effects import Effect, over_seeds
from lib.report.seeds import seeds_of
from lib.worlds.session import Session

DIAL_ARMS = (VL_SAE, SAE_S, ONE_DECODER, COSINE)
"""The paper's model, its baseline, and the two parts in which they differ."""

STRENGTHS = (0.0, 0.5, 1.0)
"""Gaps, as strengths of `set_gap`: none, and up to CLIP's."""

SEEDS = 2
"""Seeds at each strength; the arms themselves are compared with all."""


def dial_arms(strengths: Sequence[float] = STRENGTHS) -> list[TwoTowerArm]:
    """Every arm of the dial at each strength."""
    return [replace(arm, gap=strength) for strength in strengths for arm in DIAL_ARMS]


def gap_table(session: Session, strengths: Sequence[float] = STRENGTHS) -> pd.DataFrame:
    """Alignment and codes of all dial arms at each strength, one row per arm and seed.

    Columns: strength, means_apart (distance of the towers' mean unit rows, test pairs), arm, k, seed, intra, inter, gap
    (by the world's first judge), latents, coverage, matched, random, r10, fvu_image, fvu_text.
    """
    parts = []
    for strength in strengths:
        fitted = fit_two_tower_arms(session, dial_arms([strength]), SEEDS)
        scores = alignment_table(session, fitted)
        scores = scores[scores.judge == scores.judge.iloc[0]]
        by = ["arm", "k", "seed"]
        codes = code_table(fitted)[[*by, "matched", "random", "r10", "fvu_image", "fvu_text"]]
        rows = scores[[*by, "intra", "inter", "gap", "latents", "coverage"]].merge(codes, on=by)
        test = fitted[0].embeddings("test")
        apart = modality_gap(test.tower("image"), test.tower("text")).l2m
        parts.append(rows.assign(strength=strength, means_apart=apart))
    table = pd.concat(parts, ignore_index=True)
    return table[["strength", "means_apart", *table.columns[:-2]]]


def dial_leads(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Compute the lead of VL-SAE over each other arm in a column of `gap_table`: strength, over, seed, lead."""
    rows = []
    for strength, part in table.groupby("strength"):
        for other in DIAL_ARMS[1:]:
            values = lead(part, column, VL_SAE.name, other.name)
            rows += [(strength, other.name, seed, value) for seed, value in zip(seeds_of(part), values, strict=True)]
    return pd.DataFrame(rows, columns=["strength", "over", "seed", "lead"])


def lead_with_clips_gap(table: pd.DataFrame, column: str, other: str) -> Effect | None:
    """Return the lead of VL-SAE over an arm at CLIP's gap, as a control; None without concepts to compare."""
    values = lead(table[table.strength == max(STRENGTHS)], column, VL_SAE.name, other)
    return over_seeds(values) if np.isfinite(values).all() else None
