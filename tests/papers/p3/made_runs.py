"""Tables of runs with a random value in every cell, and the plain look-up that tests compare the studies with."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.papers.p3.control_arms import SPLIT_CONTROLS, sharing_controls
from lib.papers.p3.measured_runs import EMBEDDINGS, KNOWN_CONCEPTS, MeasuredRuns
from lib.papers.p3.pair_dictionaries import BATCH_ARMS

ARMS = ("SAE-1b", "SAE-2b", "GSAE", "MGSAE", *BATCH_ARMS, "iso-energy")
"""Those that claims compare, and one that they must leave out."""

CONTROLS = (*SPLIT_CONTROLS, *sharing_controls(), EMBEDDINGS, KNOWN_CONCEPTS)

SEEDS = [1, 4, 7]
WIDTH = 64
COLUMNS = ("balanced", "cosine", "strangers", "r1", "r5", "zero_shot", "mms", "mms_chance", "fvu", "l0")
COUNTS = ("both", "dead", "mms_above")
PAIRS = 70


def table(arms: tuple[str, ...] = ARMS, **lacks: float) -> pd.DataFrame:
    """As of `measure_dictionaries`, its rows in no order. lacks: columns of one value, such as NaN."""
    rng = np.random.default_rng(3)
    rows = [{"arm": arm, "seed": seed, "width": WIDTH} for arm in arms for seed in SEEDS]
    for row in rows:
        row |= {column: rng.uniform(0.1, 0.9) for column in COLUMNS}
        row |= {column: float(rng.integers(1, WIDTH)) for column in COUNTS}
    return pd.DataFrame(rows).sample(frac=1, random_state=0).assign(**lacks)


def pairs() -> pd.DataFrame:
    """As of `pair_table`, its rows in no order."""
    rng = np.random.default_rng(4)
    rows = []
    for arm in ARMS:
        for seed in SEEDS:
            for pair in range(PAIRS):
                found = {column: rng.integers(3) / 2 for column in ("r1", "r5")}
                about = {"cosine": rng.uniform(), **found, "zero_shot": float(rng.integers(2))}
                rows.append({"arm": arm, "seed": seed, "pair": pair, **about})
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


def controls(**lacks: float) -> pd.DataFrame:
    """A table of CONTROLS."""
    return table(CONTROLS, **lacks)


def runs(**lacks: float) -> MeasuredRuns:
    """Of a material whose seeds draw pairs of their own."""
    return MeasuredRuns(table(**lacks), 90, controls(**lacks))


def look_up(rows: pd.DataFrame, column: str, **where: object) -> list[float]:
    """A column over SEEDS, by going through the rows: the only one of each seed that `where` picks."""
    found = []
    for seed in SEEDS:
        picked = [
            row[column]
            for row in rows.to_dict("records")
            if row["seed"] == seed and all(row[name] == value for name, value in where.items())
        ]
        assert len(picked) == 1
        found += picked
    return found


def minus(first: list[float], second: list[float]) -> list[float]:
    return [a - b for a, b in zip(first, second, strict=True)]


def over(first: list[float], second: list[float]) -> list[float]:
    return [a / b for a, b in zip(first, second, strict=True)]
