"""The scoreboard as pictures: effects with intervals in units of the margin, and a matrix of verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from lib.report.claims import Claim, Judged
from lib.report.register import Spec, claim_order, registered
from lib.report.scoreboard import ABSENT, papers, plain

LOOKS = {
    "reproduced": ("#0173b2", "●", "white"),
    "partly": ("#56b4e9", "◐", "black"),
    "weaker": ("#b9dcf2", "◔", "black"),
    "no effect seen": ("#f0e0d6", "○", "black"),
    "undecided": ("0.93", "?", "black"),
    "opposite": ("#d55e00", "✕", "white"),
    "not testable here": ("0.8", "–", "black"),
    ABSENT: ("white", "", "black"),
}
"""For each verdict the colour of its cell, its symbol and the symbol's colour: a symbol serves readers who see no hue.
"""

MARKERS = "osPXphv*"
"""Marks of the worlds in a forest plot, in turn: a shape serves readers who see no hue."""

RANGE = (-3.0, 5.0)
"""Ends of the forest plot in units of the margin; effects beyond them are drawn at the end, as arrows."""


def forest_figure(worlds: Mapping[str, Mapping[str, Claim]], paper: int) -> Figure:
    """Draw the headline effects of a paper's claims, one row per claim and one mark per world, with 95 % intervals.

    The unit is the distance of the margin from the zero value, so 0 means no effect and 1 is the margin, which a line
    across the row shows. Where the margin is the zero value, it is at 0, and the largest effect of the row is 1. A
    diamond is the paper's own number, where it has the same unit. A claim that something is equal has the mark ±
    and holds between -1 and 1. worlds: `committed_claims`.
    """
    specs = {id: spec for id, spec in registered().items() if claim_order(id)[0] == paper}
    ids = [id for id in specs if any(id in claims for claims in worlds.values())]
    shown = [world for world, claims in worlds.items() if any(id in claims for id in ids)]
    colours = sns.color_palette("colorblind", len(shown))
    looks = dict(zip(shown, zip(colours, cycle(MARKERS), strict=False), strict=True))
    fig, ax = plt.subplots(figsize=(9, 1.2 + 0.16 * sum(1 + len(shown) for _ in ids)))
    for row, id in enumerate(ids):
        _forest_row(ax, row, specs[id], {world: worlds[world].get(id) for world in shown}, looks)
    ax.axvline(0, color="0.5", linestyle=":", linewidth=1)
    ax.set_yticks(range(len(ids)), [_label(specs[id]) for id in ids])
    ax.set(xlim=(RANGE[0] - 0.3, RANGE[1] + 0.3), ylim=(len(ids) - 0.4, -0.6))
    unit = "effect in units of the margin, or of the largest where it is 0"
    ax.set(xlabel=f"{unit}\n(dotted: nothing to see; line across a row: its margin)", title=f"paper {paper}")
    handles = [
        plt.Line2D([], [], color=colour, marker=marker, linestyle="-", label=world)
        for world, (colour, marker) in looks.items()
    ]
    handles.append(plt.Line2D([], [], color="black", marker="D", linestyle="", label="the paper's number"))
    fig.legend(handles=handles, loc="outside lower center", ncols=4)
    return fig


def _label(spec: Spec) -> str:
    return spec.id.split(".")[1] + (" ±" if spec.headline.rule == "within" else "")


def _forest_row(ax: Axes, row: int, spec: Spec, claims: Mapping[str, Claim | None], looks: Mapping) -> None:
    measured = {world: claim.headline for world, claim in claims.items() if claim and claim.headline}
    unit = _unit(spec, list(measured.values()))
    margin = _scaled(spec, spec.headline.margin, unit)
    ax.vlines([-margin, margin] if spec.headline.rule == "within" else margin, row - 0.45, row + 0.45, colors="0.2")
    places = np.linspace(-0.32, 0.32, len(claims) + 1)
    for place, world in zip(places, claims, strict=False):
        part, claim = measured.get(world), claims[world]
        if part is None or claim is None:
            continue
        mean = _scaled(spec, part.mean, unit)
        faint = 0.35 if claim.verdict == "not testable here" else 1.0
        y, (colour, marker) = row + place, looks[world]
        if part.low is not None and part.high is not None:
            ends = sorted(_scaled(spec, end, unit) for end in (part.low, part.high))
            ax.plot(np.clip(ends, *RANGE), [y, y], color=colour, alpha=0.5 * faint, linewidth=3)
        beyond = ">" if mean > RANGE[1] else "<" if mean < RANGE[0] else ""
        ax.plot(np.clip(mean, *RANGE), y, beyond or marker, color=colour, alpha=faint, markersize=5)
    for value in np.atleast_1d([] if spec.reported.value is None else spec.reported.value):
        ax.plot(np.clip(_scaled(spec, value, unit), *RANGE), row + places[-1], "D", color="black", markersize=4)


def _unit(spec: Spec, parts: list[Judged]) -> float:
    margin = abs(spec.headline.margin - spec.headline.zero)
    return margin or max((abs(part.mean - spec.headline.zero) for part in parts), default=0.0) or 1.0


def _scaled(spec: Spec, value: float, unit: float) -> float:
    sign = -1 if spec.headline.rule == "below" else 1
    return sign * (value - spec.headline.zero) / unit


def matrix_figure(board: pd.DataFrame) -> Figure:
    """Draw every verdict of `scoreboard`, papers side by side; `partly` has the number of parts that hold."""
    parts = [(number, mine.drop(columns=["statement", "so"])) for number, mine in papers(board)]
    widths = [mine.shape[1] for _, mine in parts]
    size = (1.5 + 0.5 * len(parts) + 0.62 * sum(widths), 8)
    fig, axes = plt.subplots(1, len(parts), figsize=size, width_ratios=widths, squeeze=False)
    for ax, (number, mine) in zip(axes[0], parts, strict=True):
        _matrix(ax, mine)
        ax.set_title(f"paper {number}")
    handles = [Patch(color=colour, label=f"{symbol} {name}") for name, (colour, symbol, _) in LOOKS.items() if name]
    fig.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return fig


def _matrix(ax: Axes, cells: pd.DataFrame) -> None:
    verdicts = list(LOOKS)
    numbers = cells.apply(plain).map(verdicts.index).to_numpy()
    colours = ListedColormap([colour for colour, _, _ in LOOKS.values()])
    ax.imshow(numbers, cmap=colours, vmin=0, vmax=len(verdicts) - 1, aspect="auto")
    for (row, column), value in np.ndenumerate(numbers):
        _, symbol, ink = LOOKS[verdicts[value]]
        said = cells.iloc[row, column]
        count = said[said.index("(") + 1 : -1].replace(" of ", "/") if "(" in said else ""
        ax.text(column, row, f"{symbol} {count}".strip(), ha="center", va="center", color=ink, fontsize=11)
    ax.set_xticks(range(cells.shape[1]), list(cells.columns), rotation=40, ha="right")
    ax.set_yticks(range(len(cells)), [str(id).split(".")[1] for id in cells.index])
    ax.set_xticks(np.arange(cells.shape[1] - 1) + 0.5, minor=True)
    ax.set_yticks(np.arange(len(cells) - 1) + 0.5, minor=True)
    ax.grid(False)
    ax.grid(which="minor", color="white", linewidth=2)
    ax.tick_params(which="both", length=0)
