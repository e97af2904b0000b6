"""A grid of settings: notebooks once for each combination, then one table and one figure of all their claims.

    notebooks: ["10"]
    set:
      sae.k: [4, 8, 16]
      sae.steps: [200, 1000]

A setting is a key of the profile. Combinations are tasks like any other: what is up to date is skipped.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lib.data.errors import CompanionError
from lib.data.manifest import nearest
from lib.data.yaml import load_yaml
from lib.report.claims import read_claims
from lib.report.figures import save_figure
from lib.report.tables import write_table
from lib.run.batch import plan
from lib.run.places import results_root
from lib.run.profiles import Number, Profile, load_profile
from lib.run.runner import Task

MOST = 500
"""Combinations at most: more than that is a mistyped file."""


class Grid(BaseModel):
    """A grid file. `set`: key of the profile to the values that it takes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    notebooks: Annotated[list[Number], Field(min_length=1)]
    set: Annotated[dict[str, Annotated[list[Any], Field(min_length=1)]], Field(min_length=1)]


def load_grid(path: Path) -> Grid:
    """The grid of a file. An error names the file and the field."""
    try:
        grid = Grid.model_validate(load_yaml(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        mend = f"; {nearest(place, list(Grid.model_fields))}" if first["type"] == "extra_forbidden" else ""
        raise CompanionError(f"{path}: {place or 'the file'}: {first['msg']}{mend}") from None
    count = math.prod(len(values) for values in grid.set.values())
    if count > MOST:
        raise CompanionError(f"{path}: {count} combinations; {MOST} at most")
    return grid


def combinations(grid: Grid) -> list[dict[str, Any]]:
    """Every combination of settings, the last key changing fastest."""
    return [dict(zip(grid.set, values, strict=True)) for values in product(*grid.set.values())]


def grid_tasks(grid: Grid, profile: Profile) -> list[tuple[dict[str, Any], Task]]:
    """Every combination with each of its notebooks; all are checked before any runs."""
    tasks = []
    for settings in combinations(grid):
        overrides = [f"{key}={json.dumps(value)}" for key, value in settings.items()]
        tasks += [(settings, task) for task in plan(profile, grid.notebooks, overrides=overrides)]
    return tasks


def collect(tasks: Sequence[tuple[dict[str, Any], Task]]) -> pd.DataFrame:
    """One row for each combination and claim of its notebooks: settings, claim, effect, low, high, verdict.

    low, high: the spread's least and largest value. What failed has no rows.
    """
    rows = []
    for settings, task in tasks:
        plain = {key: value if isinstance(value, int | float | str) else str(value) for key, value in settings.items()}
        for claim in read_claims(results_root() / load_profile(task.profile).name):
            if claim.notebook != task.notebook.stem:
                continue
            values = claim.spread.values
            spread = {"low": min(values, default=np.nan), "high": max(values, default=np.nan)}
            rows.append({**plain, "claim": claim.id, "effect": claim.effect, **spread, "verdict": claim.verdict})
    if not rows:
        raise CompanionError("no notebook of the grid wrote a claim; see the failures above, or choose others")
    return pd.DataFrame(rows)


def write_grid(name: str, grid: Grid, table: pd.DataFrame) -> tuple[Path, Path]:
    """The table as CSV and the figure as PNG, in `results/~grids`."""
    folder = results_root() / "~grids"
    folder.mkdir(parents=True, exist_ok=True)
    csv = write_table(table, folder / f"{name}.csv", 6)
    return csv, save_figure(grid_figure(grid, table), folder / f"{name}.png", notebook=f"grid {name}", table=csv)


def grid_figure(grid: Grid, table: pd.DataFrame) -> Figure:
    """A panel for each claim: effect and spread against the last setting, one line for each combination of the others.

    Values of the last setting stand side by side in the order of the file, whatever they are.
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
