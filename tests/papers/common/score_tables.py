"""A table of scores in which every number is another one, and how to look one up without the library."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lib.report.effects import Effect

SEEDS, JUDGES, WIDTHS, KS, D = [0, 1, 4], ["network", "truth"], [1, 2, 4, 8], [1, 4, 8, 16], 128
K, PAPER_K = 8, 3
"""What `random_scores` holds; K is the sparsity of all widths, PAPER_K that of x1 alone, D the embedding's width."""

COLUMNS = ["mean", "sd", "best", "worst", "live", "images", "supported_best", "above_raw"]
COLUMNS += ["above_untrained", "high", "chance"]


def random_scores() -> pd.DataFrame:
    """A table as `score_table` makes it: its rows in any order, its numbers random."""
    arms = [(arm, 1, D) for arm in ("raw", "raw ReLU", "rotated")]
    both = ("batch_topk", "matryoshka", "shuffled batch_topk", "shuffled matryoshka")
    arms += [(arm, e, K) for arm in (*both, "untrained", "nearest", "resized") for e in WIDTHS]
    arms += [(arm, 1, k) for arm in ("matryoshka", "shuffled matryoshka", "untrained", "nearest") for k in KS if k != K]
    arms += [(arm, 1, PAPER_K) for arm in (*both, "untrained", "nearest")]
    random = np.random.default_rng(0)
    rows = []
    for arm, expansion, k in arms:
        for seed in SEEDS:
            fit = {name: random.random() for name in ("r2", "r2_equal")}
            fit |= {name: k * (1 + 0.1 * random.standard_normal()) for name in ("l0", "l0_equal", "l0_free")}
            for judge in JUDGES:
                about = {"arm": arm, "expansion": expansion, "k": k, "seed": seed, "judge": judge}
                rows.append(about | fit | dict(zip(COLUMNS, random.random(len(COLUMNS)), strict=True)))
    return pd.DataFrame(rows).sample(frac=1, random_state=1)


def look_up(table: pd.DataFrame, column: str, **where: object) -> float:
    """The number in the one row that has these values, found by looking at every row."""
    rows = zip(table[column].tolist(), *(table[name].tolist() for name in where), strict=True)
    found = [value for value, *given in rows if given == list(where.values())]
    assert len(found) == 1, f"{len(found)} rows with {where}"
    return float(found[0])


def line(x: list[float], y: list[float]) -> float:
    """Slope of the least-squares line, from its definition."""
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    products = [(a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)]
    return sum(products) / sum((a - mean_x) ** 2 for a in x)


def holds(effect: Effect | str | None, values: list[float], trained: bool = True) -> None:
    """Assert that an effect has these values: one for each seed, or the single one of what is not trained."""
    assert isinstance(effect, Effect)
    assert effect.values == pytest.approx(tuple(values), rel=1e-9, abs=1e-12)
    assert effect.trained == trained and len(effect.values) == len(values)
    assert (effect.below, effect.above) == (0, 0)
