"""Paper 2, notebook 21: the evidence for C11, zero-shot classification with codes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.papers.p2.n21_zero_shot import FIXED_ALPHA, Scored
from lib.report.effects import exactly, nested, over_items, over_seeds
from lib.report.evidence import Evidence
from lib.report.seeds import seeds_of


def c11(scored: Scored, chosen: pd.DataFrame) -> Evidence:
    """Judge the gain at a fixed weight of the codes. chosen: of `choose_alphas`, for the gains by other choices.

    The bootstrap draws pictures, each with all its tasks, so a picture's gain is its mean over the tasks; for a task on
    pictures of another split, each picture takes the gain of the one with the same number.
    """
    seeds, tasks = seeds_of(chosen), scored.table.task.unique()
    gains = np.stack(
        [np.mean([scored.gains[task, seed, "latents", FIXED_ALPHA] for task in tasks], axis=0) for seed in seeds]
    )
    gain = nested(gains)
    means = chosen.groupby(["source", "seed"])[["base", "fixed", "on dev", "on test"]].mean()

    def chosen_by(source: str, how: str) -> np.ndarray:
        """(seeds,): the mean gain over tasks."""
        return (means[how] - means.base).loc[source].loc[seeds].to_numpy()

    others = (
        ("decoders", "fixed"),
        *((source, how) for source in ("latents", "decoders") for how in ("on dev", "on test")),
    )
    return Evidence(
        "p2.C11",
        {"gain": gain, "no harm": gain},
        seeds,
        gains.shape[1],
        positive=over_items(scored.oracle),
        negative=nested(scored.untrained),
        context={f"gain of {source}, weight {how}": over_seeds(chosen_by(source, how)) for source, how in others}
        | {"what is left to gain without codes": exactly(1 - float(means.base.iloc[0]))},
    )
