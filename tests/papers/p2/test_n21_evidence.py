"""Evidence for C11 against loops over tasks, seeds and pictures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lib.papers.p2 import n21_evidence as evidence
from lib.papers.p2.n21_zero_shot import ALPHAS, Scored, choose_alphas
from lib.report.effects import nested, over_items
from lib.report.evidence import judge

SEEDS, PICTURES, SOURCES = (0, 1, 2), 40, ("latents", "decoders")
TASKS = ("kind", "turn", "count")


@pytest.fixture
def scored() -> Scored:
    """Gains at random, none without codes, and accuracies that have nothing to do with them."""
    rng = np.random.default_rng(0)
    gains, rows = {}, []
    alone = {task: rng.random() for task in TASKS}
    for task in TASKS:
        for seed in SEEDS:
            for source in SOURCES:
                for alpha in ALPHAS:
                    gains[task, seed, source, alpha] = (alpha > 0) * rng.integers(-1, 2, PICTURES).astype(float)
                    accuracies = {"dev": rng.random(), "test": rng.random() if alpha else alone[task]}
                    rows.append({"task": task, "seed": seed, "source": source, "alpha": alpha, **accuracies})
    return Scored(pd.DataFrame(rows), gains, rng.random(PICTURES), rng.random((len(SEEDS), PICTURES)))


def test_a_fixed_weight(scored: Scored) -> None:
    gains = np.zeros((len(SEEDS), PICTURES))
    for seed in SEEDS:
        for picture in range(PICTURES):
            own = [scored.gains[task, seed, "latents", 0.1][picture] for task in TASKS]
            gains[seed, picture] = np.mean(own)
    chosen = choose_alphas(scored.table)

    def gain(source: str, how: str) -> list[float]:
        found = []
        for seed in SEEDS:
            rows = [row for row in chosen.to_dict("records") if (row["seed"], row["source"]) == (seed, source)]
            assert len(rows) == len(TASKS)
            found.append(np.mean([row[how] for row in rows]) - np.mean([row["base"] for row in rows]))
        return found

    alone = scored.table[scored.table.alpha == 0].drop_duplicates("task").test.mean()
    found = evidence.c11(scored, chosen.sample(frac=1, random_state=0))
    assert (found.id, found.n, found.seeds) == ("p2.C11", PICTURES, [0, 1, 2])
    assert found.parts == {"gain": nested(gains), "no harm": nested(gains)}
    assert found.positive == over_items(scored.oracle) and found.negative == nested(scored.untrained)
    expected = {
        "gain of decoders, weight fixed": gain("decoders", "fixed"),
        "gain of latents, weight on dev": gain("latents", "on dev"),
        "gain of latents, weight on test": gain("latents", "on test"),
        "gain of decoders, weight on dev": gain("decoders", "on dev"),
        "gain of decoders, weight on test": gain("decoders", "on test"),
        "what is left to gain without codes": [1 - alone],
    }
    assert set(found.context) == set(expected)
    for name, values in expected.items():
        assert found.context[name].values == pytest.approx(values, abs=1e-12)
    judge(found, "21_zero_shot")
