"""Evidence for C8 and C9, against a look at every row of tables of random numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lib.papers.p1.n13_evidence import c8, c9
from lib.papers.p1.n13_layers import LAYER_ARMS
from lib.report.effects import Effect
from lib.report.evidence import judge
from tests.papers.common.score_tables import SEEDS, holds, line, look_up

LAST, EMBEDDING = 3, 4


def layers(first: float = 0.9, last: float = 0.8) -> pd.DataFrame:
    """Random means at four blocks and the embedding, and live shares near `first` and `last` after these blocks."""
    random = np.random.default_rng(0)
    rows = []
    for arm in LAYER_ARMS:
        for seed in SEEDS:
            for place in range(EMBEDDING + 1):
                live = {0: first, LAST: last}.get(place, 0.5) if arm == "matryoshka" else 0.99
                about = {"place": place, "arm": arm, "seed": seed}
                rows.append(about | {"mean": random.random(), "live": live + 0.05 * random.random()})
    return pd.DataFrame(rows).sample(frac=1, random_state=1)


def test_c8() -> None:
    table = layers()

    def of(column: str, place: int, arm: str = "matryoshka") -> list[float]:
        return [look_up(table, column, arm=arm, place=place, seed=seed) for seed in SEEDS]

    def minus(late: list[float], early: list[float]) -> list[float]:
        return [a - b for a, b in zip(late, early, strict=True)]

    found = c8(table, 2000)
    assert (found.id, found.seeds, found.n) == ("p1.C8", SEEDS, 2000)
    holds(found.parts["rise"], minus(of("mean", LAST), of("mean", 0)))
    smaller = [min(pair) for pair in zip(of("live", 0), of("live", LAST), strict=True)]
    holds(found.parts["live latents"], smaller)
    holds(found.negative, minus(of("mean", LAST, "untrained"), of("mean", 0, "untrained")))
    probes = look_up(table, "mean", arm="probes", place=LAST, seed=0) - look_up(
        table, "mean", arm="probes", place=0, seed=0
    )
    holds(found.positive, [probes], trained=False)
    holds(found.context["embedding minus last block"], minus(of("mean", EMBEDDING), of("mean", LAST)))
    for block in range(LAST + 1):
        holds(found.context[f"mean MS, block {block}"], of("mean", block))
        holds(found.context[f"live share, block {block}"], of("live", block))


@pytest.mark.parametrize(("first", "last"), [(0.1, 0.9), (0.9, 0.1)])
def test_dictionaries_that_have_collapsed_are_not_compared(first: float, last: float) -> None:
    found = c8(layers(first, last), 2000)
    alive = found.parts["live latents"]
    assert isinstance(alive, Effect)
    claim = judge(found, "13_checks")
    assert (claim.verdict, claim.headline) == ("not testable here", None)
    assert claim.why == f"only {alive.mean:.0%} of the latents are live after the first or the last block"


def choices(draw: int = 0) -> pd.DataFrame:
    """Random agreement in other bins for every seed."""
    random = np.random.default_rng(draw)
    bins = {seed: [0.1 * at for at in range(4 + seed % 3)] for seed in SEEDS}
    rows = [{"seed": seed, "bin": at, "agree": random.random()} for seed in SEEDS for at in bins[seed]]
    return pd.DataFrame(rows).sample(frac=1, random_state=1)


def test_c9() -> None:
    table = choices()
    curves = [sorted((r["bin"], r["agree"]) for r in table.to_dict("records") if r["seed"] == seed) for seed in SEEDS]
    found = c9(table, choices(1), choices(2), 2000)
    assert (found.id, found.seeds, found.n) == ("p1.C9", SEEDS, 2000)
    holds(found.parts["agreement"], [sum(y for _, y in curve) / len(curve) for curve in curves])
    slopes = [line([x for x, _ in curve], [y for _, y in curve]) for curve in curves]
    holds(found.parts["rise with the difference"], slopes)
    for control, draw in ((found.positive, 1), (found.negative, 2)):
        of = choices(draw).to_dict("records")
        holds(control, [float(np.mean([row["agree"] for row in of if row["seed"] == seed])) for seed in SEEDS])
    holds(found.context["smallest differences"], [curve[0][1] for curve in curves])
    holds(found.context["largest differences"], [curve[-1][1] for curve in curves])
