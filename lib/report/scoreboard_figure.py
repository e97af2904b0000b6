"""The scoreboard as one picture: a panel a paper, a row a claim, a column a world."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from lib.report.scoreboard import ABSENT

LOOKS = {
    "reproduced": ("#0173b2", "●", "white"),
    "partly": ("#de8f05", "◐", "black"),
    "not reproduced": ("#f0e0d6", "○", "black"),
    "not testable here": ("0.85", "–", "black"),
    ABSENT: ("white", "", "black"),
}
"""Verdict to colour of the cell, symbol and its colour: told apart by lightness and by sign, not by hue alone."""


def scoreboard_figure(board: pd.DataFrame) -> Figure:
    """Every verdict of `scoreboard`, papers side by side."""
    worlds, papers = list(board.columns[1:]), board.index.str.split(".").str[0]
    verdicts, numbers = list(LOOKS), board[worlds].map(list(LOOKS).index)
    names = sorted(papers.unique())
    colours = ListedColormap([colour for colour, _, _ in LOOKS.values()])
    fig, axes = plt.subplots(1, len(names), figsize=(3.6 * len(names), 8), squeeze=False)
    for ax, paper in zip(axes[0], names, strict=True):
        rows = numbers[papers == paper]
        rows = rows.loc[:, (rows != verdicts.index(ABSENT)).any()]
        ax.imshow(rows.to_numpy(), cmap=colours, vmin=0, vmax=len(verdicts) - 1, aspect="auto")
        for (row, column), value in np.ndenumerate(rows.to_numpy()):
            _, symbol, ink = LOOKS[verdicts[value]]
            ax.text(column, row, symbol, ha="center", va="center", color=ink, fontsize=13)
        ax.set_xticks(range(rows.shape[1]), list(rows.columns), rotation=40, ha="right")
        ax.set_yticks(range(len(rows)), [str(id).split(".")[1] for id in rows.index])
        ax.set_xticks(np.arange(rows.shape[1] - 1) + 0.5, minor=True)
        ax.set_yticks(np.arange(len(rows) - 1) + 0.5, minor=True)
        ax.grid(False)
        ax.grid(which="minor", color="white", linewidth=2)
        ax.tick_params(which="both", length=0)
        ax.set_title(f"paper {paper[1:]}")
    handles = [Patch(color=colour, label=f"{symbol} {name}") for name, (colour, symbol, _) in LOOKS.items() if name]
    fig.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return fig
