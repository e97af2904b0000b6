"""Evidence for claims C8 and C9 of paper 1: later layers, and an observer who looks at the images."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.papers.common.ms_evidence import on_premise
from lib.papers.p1.n13_layers import layer_curves
from lib.report.effects import exactly, over_seeds
from lib.report.evidence import Evidence
from lib.report.seeds import seeds_of


def c8(table: pd.DataFrame, n: int) -> Evidence:
    """Whether the mean score rises from the first block to the last. table: of `layer_table`; n: test images."""
    trained, untrained, probes = (layer_curves(table, arm, "mean") for arm in ("matryoshka", "untrained", "probes"))
    live = layer_curves(table, "matryoshka", "live")
    alive = live[:, [0, -2]].min(axis=1)  # the last place is the embedding
    parts = {"rise": over_seeds(trained[:, -2] - trained[:, 0]), "live latents": over_seeds(alive)}
    few = f"only {alive.mean():.0%} of the latents are live after the first or the last block"
    blocks = range(trained.shape[1] - 1)
    return Evidence(
        "p1.C8",
        on_premise("p1.C8", "live latents", parts, few),
        seeds_of(table),
        n,
        positive=exactly(probes[0, -2] - probes[0, 0]),
        negative=over_seeds(untrained[:, -2] - untrained[:, 0]),
        context={
            **{f"mean MS, block {block}": over_seeds(trained[:, block]) for block in blocks},
            **{f"live share, block {block}": over_seeds(live[:, block]) for block in blocks},
            "embedding minus last block": over_seeds(trained[:, -1] - trained[:, -2]),
        },
    )


def c9(table: pd.DataFrame, purity: pd.DataFrame, others: pd.DataFrame, n: int) -> Evidence:
    """Whether the ground truth's choice agrees with the score. n: test images.

    table, purity, others: of `agreement_by_bin`, for the scores of the neurons, for their purity in place of the
    scores, and for the scores of other neurons.
    """
    by_seed = [rows.sort_values("bin") for _, rows in table.groupby("seed")]
    return Evidence(
        "p1.C9",
        {
            "agreement": over_seeds([rows.agree.mean() for rows in by_seed]),
            "rise with the difference": over_seeds([np.polyfit(rows.bin, rows.agree, 1)[0] for rows in by_seed]),
        },
        seeds_of(table),
        n,
        positive=over_seeds(purity.groupby("seed").agree.mean()),
        negative=over_seeds(others.groupby("seed").agree.mean()),
        context={
            "smallest differences": over_seeds([rows.agree.iloc[0] for rows in by_seed]),
            "largest differences": over_seeds([rows.agree.iloc[-1] for rows in by_seed]),
        },
    )
