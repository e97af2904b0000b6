"""The common part of the evidence of notebooks 20, 23 and 24: changes of intra and inter between two arms.

Tables are those of `alignment_table` for one judge, which leaves out the numbers of a dictionary in which fewer than
two latents have ten pictures and ten captions.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lib.papers.p2.two_tower_columns import lead, of
from lib.report.effects import Effect, over_seeds
from lib.report.evidence import Evidence
from lib.report.register import spec_of
from lib.report.seeds import seeds_of

ABOUT = {
    "gap": "intra - inter",
    "latents": "latents with ten pictures and ten captions",
    "gap_any": "intra - inter over latents with any picture and caption",
}
"""Columns that say how an alignment came about, and their names in evidence."""


def raises_and_lowers(
    id: str, table: pd.DataFrame, n: int, arm: str, other: str, positive: Effect | None, negative: Effect | None
) -> Evidence:
    """Judge a claim that an arm has a higher intra and a lower inter than another.

    n: number of rows from which the lists of the concepts are drawn.
    """
    change = {column: lead(table, column, arm, other) for column in ("gap", "intra", "inter")}
    return Evidence(
        id,
        {
            "intra - inter": measured(change["gap"], table),
            "intra": measured(change["intra"], table),
            "inter": inter_change(id, "inter", change["inter"], of(table, "inter", other), table),
        },
        seeds_of(table),
        n,
        positive=positive,
        negative=negative,
        context=known(
            {f"{label}, {name}": of(table, column, name) for column, label in ABOUT.items() for name in (arm, other)}
        ),
    )


def inter_change(id: str, part: str, change: np.ndarray, base: np.ndarray, table: pd.DataFrame) -> Effect | str:
    """A change of inter (seeds,), or why it cannot be seen: the inter that it starts from leaves it no room to fall.

    A centred judge puts unrelated concepts at a cosine of zero. Where the mean of `base` (seeds,) is nearer to zero
    than the margin of the part, no inter can be lower by that much unless concepts oppose each other.
    """
    found = measured(change, table)
    margin = next(-side.margin for side in spec_of(id).sides if side.name == part)
    if isinstance(found, Effect) and base.mean() < margin:
        return f"inter starts at {base.mean():.3f}, as under a centred judge, and has no room to fall by {margin:g}"
    return found


def measured(values: np.ndarray, table: pd.DataFrame) -> Effect | str:
    """Make an effect of values (seeds,), or name the seeds with which there are no concepts to compare."""
    lacking = [str(seed) for seed, value in zip(seeds_of(table), values, strict=True) if np.isnan(value)]
    if lacking:
        return f"fewer than two latents have ten pictures and ten captions (seeds {', '.join(lacking)})"
    return over_seeds(values)


def control(values: np.ndarray) -> Effect | None:
    """Make a control of values (seeds,); None where with some seed there are no concepts to compare."""
    return over_seeds(values) if np.isfinite(values).all() else None


def known(effects: Mapping[str, np.ndarray]) -> dict[str, Effect]:
    """Collect further numbers by name, without those for which some seed has no concepts."""
    return {name: over_seeds(values) for name, values in effects.items() if np.isfinite(values).all()}
