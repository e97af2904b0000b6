"""Evidence for C13, against a look at every one of a table of random answers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from lib.papers.p1.n12_answers import SWEPT_ARMS
from lib.papers.p1.n12_evidence import c13
from lib.papers.p1.n12_steering import STEERING_ARMS
from tests.papers.common.score_tables import SEEDS, holds

LIMITS = pd.DataFrame({"seed": SEEDS, "match": [0.5, 0.6, 0.7], "shuffled": [0.1, 0.25, 0.0]}).iloc[::-1]


STRENGTHS = {
    (task, arm, seed): at + 1.0
    for at, (task, arm, seed) in enumerate(product(("insert", "suppress"), SWEPT_ARMS, SEEDS))
}


def answers() -> pd.DataFrame:
    random = np.random.default_rng(0)
    rows = []
    for task in ("suppress", "insert"):
        for arm in STEERING_ARMS[::-1]:
            for seed in SEEDS:
                for _ in range(29):
                    said = {"named": random.random() < random.random(), "told": random.random() < 0.8}
                    said |= {"kind": random.random() < 0.5, "formed": random.random() < 0.7}
                    said |= {"kept": random.random(), "cosine": random.standard_normal()}
                    rows.append({"task": task, "arm": arm, "seed": seed} | said)
    return pd.DataFrame(rows).sample(frac=1, random_state=1)


def test_c13() -> None:
    table = answers()

    def mean(value: Callable[[dict[str, Any]], float], arm: str, seed: int, task: str = "insert") -> float:
        """Over the answers that count: to suppress, those to pictures whose concept the plain answer named."""
        rows = [row for row in table.to_dict("records") if (row["task"], row["arm"], row["seed"]) == (task, arm, seed)]
        values = [value(row) for row in rows if task == "insert" or row["told"]]
        return sum(values) / len(values)

    def clean(row: dict[str, Any]) -> float:
        return float(row["named"] and row["formed"])

    def cosine(row: dict[str, Any]) -> float:
        return float(row["cosine"])

    def above(value: Callable[[dict[str, Any]], float], arm: str, baseline: str = "reconstruct") -> list[float]:
        return [mean(value, arm, seed) - mean(value, baseline, seed) for seed in SEEDS]

    span = [0.5 - 0.1, 0.6 - 0.25, 0.7 - 0.0]
    found = c13(table, LIMITS, STRENGTHS)
    assert (found.id, found.seeds, found.n) == ("p1.C13", SEEDS, len(table))
    holds(found.parts["named"], above(clean, "clamp"))
    towards = [gain / whole for gain, whole in zip(above(cosine, "clamp"), span, strict=True)]
    holds(found.parts["towards the target"], towards)
    moved = [gain / whole for gain, whole in zip(above(cosine, "reconstruct", "plain"), span, strict=True)]
    holds(found.parts["reconstruction"], moved)
    holds(found.negative, above(clean, "random latent"))
    holds(found.context["named, well formed or not"], above(lambda row: float(row["named"]), "clamp"))
    holds(found.context["named and well formed, difference in means"], above(clean, "difference in means"))

    def did(row: dict[str, Any]) -> float:
        success = row["named"] if row["task"] == "insert" else not row["named"]
        return float(success and row["formed"]) * float(row["kept"])

    for task, arm in product(("insert", "suppress"), ("reconstruct", *SWEPT_ARMS)):
        name = f"{task}: done, well formed and the rest kept, {arm}"
        holds(found.context[name], [mean(did, arm, seed, task) for seed in SEEDS])
    for task, arm in product(("insert", "suppress"), SWEPT_ARMS):
        holds(found.context[f"strength to {task}, {arm}"], [STRENGTHS[task, arm, seed] for seed in SEEDS])


def test_pictures_that_show_the_concept_and_kinds_apart() -> None:
    table = answers()
    found = c13(table, LIMITS, STRENGTHS)

    def share(rows: pd.DataFrame) -> float:
        return float((rows.named & rows.formed).mean())

    def part(task: str, arm: str, seed: int) -> pd.DataFrame:
        return table[(table.task == task) & (table.arm == arm) & (table.seed == seed)]

    seen = [share(part("suppress", "plain", seed)) - share(part("insert", "reconstruct", seed)) for seed in SEEDS]
    holds(found.positive, seen)
    gains = []
    for seed in SEEDS:
        clamp, none = (part("insert", arm, seed) for arm in ("clamp", "reconstruct"))
        gains.append(share(clamp[clamp.kind]) - share(none[none.kind]))
    holds(found.parts["object kinds"], gains)
    few = c13(table.assign(kind=table.kind & (table.seed != SEEDS[0])), LIMITS, STRENGTHS)
    assert few.parts["object kinds"] == "a seed has no latent of a kind"
