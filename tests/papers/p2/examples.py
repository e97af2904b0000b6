"""Tables with distinct random values, and evidence compared with what loops over their rows find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lib.report.effects import Effect, over_seeds
from lib.report.evidence import Evidence, judge

SEEDS = [0, 1, 2, 3]


def random_table(arms: Mapping[str, Sequence[int]], columns: Sequence[str]) -> pd.DataFrame:
    """One row for each arm, of its numbers of active latents, and seed, in no order; values from 0.3 to 0.9."""
    rng = np.random.default_rng(len(columns))
    rows = [{"arm": arm, "k": k, "seed": seed} for arm, tried in arms.items() for k in tried for seed in SEEDS]
    table = pd.DataFrame(rows).join(pd.DataFrame(rng.uniform(0.3, 0.9, (len(rows), len(columns))), columns=columns))
    return table.sample(frac=1, random_state=0, ignore_index=True)


def cell(table: pd.DataFrame, column: str, arm: str, seed: int, k: int | None = None) -> float:
    """The value of one row: of the arm, the seed, and K, or of its largest K."""
    rows = [row for row in table.to_dict("records") if row["arm"] == arm and row["seed"] == seed]
    (row,) = [row for row in rows if row["k"] == (max(one["k"] for one in rows) if k is None else k)]
    return row[column]


def minus(table: pd.DataFrame, column: str, arm: str, other: str) -> Effect:
    """An arm less another, over the seeds."""
    return over_seeds([cell(table, column, arm, seed) - cell(table, column, other, seed) for seed in SEEDS])


def own(table: pd.DataFrame, column: str, arm: str, k: int | None = None) -> Effect:
    """A column of an arm over the seeds."""
    return over_seeds([cell(table, column, arm, seed, k) for seed in SEEDS])


ABOUT = {
    "gap": "intra - inter",
    "latents": "latents with ten pictures and ten captions",
    "gap_any": "intra - inter over latents with any picture and caption",
}


def about(table: pd.DataFrame, *arms: str) -> dict[str, Effect]:
    """The further numbers of a claim about alignment: three columns of each arm."""
    return {f"{label}, {arm}": own(table, column, arm) for column, label in ABOUT.items() for arm in arms}


def check(
    found: Evidence,
    id: str,
    n: int,
    parts: Mapping[str, Effect | str],
    *,
    seeds: Sequence[int] = tuple(SEEDS),
    positive: Effect | None = None,
    negative: Effect | None = None,
    context: Mapping[str, Effect],
) -> None:
    """The evidence is exactly this, and fits the register."""
    assert (found.id, found.n, list(found.seeds)) == (id, n, list(seeds))
    assert found.parts == parts
    assert (found.positive, found.negative) == (positive, negative)
    assert found.context == context
    judge(found, "20_concepts")
