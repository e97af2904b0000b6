"""The claims of a grid of settings, in one table and one figure of all combinations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lib.base.errors import CompanionError
from lib.base.places import results_root
from lib.report.claims import read_claims
from lib.report.figures import save_figure
from lib.report.tables import write_table
from lib.run.grid import Grid
from lib.run.runner import Task
from lib.worlds.profiles import load_profile


def collect(tasks: Sequence[tuple[dict[str, Any], Task]]) -> pd.DataFrame:
    """One row for each combination and claim of its notebooks: settings, claim, effect, low, high, verdict.

    effect, low, high: the headline's mean and 95 % interval, NaN where there is none. A failed notebook has no rows.
    """
    rows = []
    for settings, task in tasks:
        plain = {key: value if isinstance(value, int | float | str) else str(value) for key, value in settings.items()}
        for claim in read_claims(results_root() / load_profile(task.profile).name):
            if claim.notebook != task.notebook.stem:
                continue
            part = claim.headline
            numbers = (part.mean, part.low, part.high) if part else (None, None, None)
            effect = dict(zip(("effect", "low", "high"), numbers, strict=True))
            rows.append({**plain, "claim": claim.id, **effect, "verdict": claim.verdict})
    if not rows:
        raise CompanionError("no notebook of the grid wrote a claim; see the failures above, or choose others")
    return pd.DataFrame(rows).astype(dict.fromkeys(("effect", "low", "high"), float))


def write_grid(name: str, grid: Grid, table: pd.DataFrame) -> tuple[Path, Path]:
    """Write the table as CSV and the figure as PNG into `results/~grids`."""
    folder = results_root() / "~grids"
    folder.mkdir(parents=True, exist_ok=True)
    csv = write_table(table, folder / f"{name}.csv", 6)
    return csv, save_figure(grid_figure(grid, table), folder / f"{name}.png", notebook=f"grid {name}", table=csv)


def grid_figure(grid: Grid, table: pd.DataFrame) -> Figure:
    """Draw a panel per claim: effect and spread against the last setting, one line per combination of the others.

    Values of the last setting are drawn at equal distances, in the order of the file.
    """
    *others, last = grid.set
    claims = list(dict.fromkeys(table.claim))
    columns = min(3, len(claims))
    rows = -(-len(claims) // columns)
    fig = Figure(figsize=(5 * columns, 3.6 * rows), layout="constrained")
    axes = fig.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes[len(claims) :]:
        ax.set_axis_off()
    ticks = list(dict.fromkeys(table[last]))
    for ax, claim in zip(axes, claims, strict=False):
        mine = table[table.claim == claim].dropna(subset=["effect"])
        groups = mine.groupby(others, sort=False) if others else [((), mine)]
        for values, group in groups:
            x = [ticks.index(value) for value in group[last]]
            label = ", ".join(f"{key} {value}" for key, value in zip(others, values, strict=True)) or None
            low, high = group.low.fillna(group.effect), group.high.fillna(group.effect)
            bars = np.clip([group.effect - low, high - group.effect], 0, None)
            ax.errorbar(x, group.effect, yerr=bars, marker="o", capsize=3, label=label)
        ax.set_xticks(range(len(ticks)), [str(tick) for tick in ticks])
        ax.yaxis.set_major_locator(MaxNLocator(5))
        ax.set(title=claim, xlabel=last, ylabel="effect")
    if others:
        axes[0].legend(fontsize="small")
    return fig
