"""Paper 2: the figure of VL-SAE's lead against the modality gap."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from lib.papers.p2.two_tower_gap import dial_leads
from lib.report.figures import BASELINE, SECOND_BASELINE, VARIANT, chance_line, seed_band

LEADS = {"r10": "R@10 of codes", "gap": "intra - inter", "coverage": "share of latents with ten of each"}
"""Columns of `gap_table`, one panel each, with their descriptions."""

_LINES = {"SAE-S": BASELINE, "distance, one decoder": VARIANT, "cosine, two decoders": SECOND_BASELINE}


def dial_figure(dial: pd.DataFrame, gap: float, own: Mapping[str, float]) -> Figure:
    """Leads of VL-SAE over the other arms against the distance of the towers' means.

    dial: of `gap_table`. gap: that distance in the world as it is. own: the lead over SAE-S there, by column, a star.
    """
    apart = dial.groupby("strength").means_apart.first()
    fig, axes = plt.subplots(1, len(LEADS), figsize=(16, 4.8))
    for ax, (column, label) in zip(axes, LEADS.items(), strict=True):
        for over, rows in dial_leads(dial, column).groupby("over", sort=False):
            curves = rows.pivot(index="seed", columns="strength", values="lead").dropna(axis=1)
            seed_band(ax, apart[curves.columns], curves, f"over {over}", _LINES[str(over)])
        ax.plot(gap, own[column], "k*", markersize=14, label="over SAE-S, this world as it is")
        chance_line(ax, 0, "no lead")
        ax.set(xlabel="distance of the towers' means", title=label)
    axes[0].set(ylabel="lead of VL-SAE")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return fig
