"""Paper 3: the number of latents and of active ones, on controlled vectors (Kaushik et al., table 3)."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from lib.papers.p3.controlled_runs import CONTROLLED_SETTING, RHO, measure_controlled
from lib.papers.p3.pair_dictionaries import MASK_PROBABILITY, PAIRED_ARMS, PairedArm
from lib.worlds.session import Session

WIDTHS, SPARSITIES = (128, 256, 512), (3, 12)
"""Numbers of latents (the paper's 4, 8 and 16 per dimension) and of active ones per row, which has four concepts."""

SIZE_SEEDS = 2
"""Largest number of seeds of each cell: each seed takes 18 runs."""

FACTOR = 0.2
"""Weight of the group norm, in units of the paper's: its table 3 has 0.01, and not 0.05."""


def size_table(session: Session) -> pd.DataFrame:
    """Measure SAE-2b, GSAE and MGSAE for all WIDTHS and SPARSITIES, which are the columns `width` and `k`."""
    arms = {
        "SAE-2b": PAIRED_ARMS["SAE-2b"],
        "GSAE": PairedArm("gsae", group_factor=FACTOR),
        "MGSAE": PairedArm("mgsae", group_factor=FACTOR, mask_probability=MASK_PROBABILITY),
    }
    tables = []
    for width in WIDTHS:
        for k in SPARSITIES:
            setting = replace(CONTROLLED_SETTING, width=width, k=k)
            table = measure_controlled(arms, [RHO], session.seeds[:SIZE_SEEDS], session.device, setting)
            tables.append(table.assign(k=k))
    return pd.concat(tables, ignore_index=True)


def best_arms(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """(widths, k): which arm has the largest mean of a column in each cell."""
    means = table.groupby(["width", "k", "arm"])[column].mean().unstack()
    return means.idxmax(axis=1).unstack()
