"""A grid of settings: it runs notebooks once for each combination, and `lib.run.grid_claims` gathers their claims.

    notebooks: ["10"]
    set:
      sae.k: [4, 8, 16]
      sae.steps: [200, 1000]

A setting is a key of the profile. Combinations are tasks like any other: what is up to date is skipped.
"""

from __future__ import annotations

import json
import math
from itertools import product
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lib.base.errors import CompanionError
from lib.base.files import write_json
from lib.base.names import nearest
from lib.base.places import results_root, runs_folder
from lib.base.validation import first_problem
from lib.base.yaml import load_yaml
from lib.run.batch import plan
from lib.run.runner import Task
from lib.worlds.profiles import Number, Profile

MOST_COMBINATIONS = 500
"""The largest number of combinations: a file with more is a typing error."""


class Grid(BaseModel):
    """A grid file. `set`: key of the profile to the values that it takes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    notebooks: Annotated[list[Number], Field(min_length=1)]
    set: Annotated[dict[str, Annotated[list[Any], Field(min_length=1)]], Field(min_length=1)]


def load_grid(path: Path) -> Grid:
    """Read the grid in a file. An error names the file and the field."""
    try:
        grid = Grid.model_validate(load_yaml(path))
    except ValidationError as error:
        problem = first_problem(error)
        remedy = f"; {nearest(problem.key, list(Grid.model_fields))}" if problem.kind == "extra_forbidden" else ""
        raise CompanionError(f"{path}: {problem.key or 'the file'}: {problem.message}{remedy}") from None
    count = math.prod(len(values) for values in grid.set.values())
    if count > MOST_COMBINATIONS:
        raise CompanionError(f"{path}: {count} combinations; give at most {MOST_COMBINATIONS}")
    return grid


def reserve_name(path: Path, profile: Profile) -> None:
    """Note which grid file and profile own the results named after the file, and refuse to overwrite another's.

    The note is stored in the cache, with those on the runs of notebooks.
    """
    results, note = results_root() / "~grids" / f"{path.stem}.csv", runs_folder("~grids") / f"{path.stem}.json"
    mine = {"file": str(path.resolve()), "profile": profile.name}
    there = json.loads(note.read_text()) if note.is_file() else mine
    if results.exists() and there != mine:
        raise CompanionError(
            f"{results} comes from {there['file']} with profile {there['profile']}; rename the grid file or remove it"
        )
    write_json(note, mine)


def combinations(grid: Grid) -> list[dict[str, Any]]:
    """List every combination of settings, the last key changing fastest."""
    return [dict(zip(grid.set, values, strict=True)) for values in product(*grid.set.values())]


def grid_tasks(grid: Grid, profile: Profile) -> list[tuple[dict[str, Any], Task]]:
    """List the tasks of every combination, one for each notebook, and check all of them before any runs."""
    tasks = []
    for settings in combinations(grid):
        overrides = [f"{key}={json.dumps(value, default=str)}" for key, value in settings.items()]
        tasks += [(settings, task) for task in plan(profile, grid.notebooks, overrides=overrides)]
    return tasks
