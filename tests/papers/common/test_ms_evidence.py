"""Evidence for C1 and C6, against a look at every row of a table of random numbers."""

from __future__ import annotations

import pandas as pd
import pytest

from lib.papers.common.ms_evidence import c1, c6
from lib.report.evidence import judge
from tests.papers.common.score_tables import JUDGES, PAPER_K, SEEDS, D, K, holds, look_up, random_scores

N = 2000


@pytest.fixture
def table() -> pd.DataFrame:
    return random_scores()


@pytest.mark.parametrize("name", JUDGES)
def test_c1(table: pd.DataFrame, name: str) -> None:
    def of(column: str, arm: str, seed: int, k: int = PAPER_K) -> float:
        return look_up(table, column, arm=arm, expansion=1, k=k, judge=name, seed=seed)

    found = c1(table[table.judge == name], PAPER_K, K, N)
    assert (found.id, found.seeds, found.n) == ("p1.C1", SEEDS, N)
    share = [of("above_raw", "matryoshka", seed) for seed in SEEDS]
    holds(found.parts["share above raw"], share)
    holds(found.parts["above untrained"], [of("above_untrained", "matryoshka", seed) for seed in SEEDS])
    relu = [look_up(table, "above_raw", arm="raw ReLU", judge=name, seed=seed) for seed in SEEDS]
    holds(found.context["share above raw, raw neurons behind a ReLU"], relu)
    holds(found.parts["with more active latents"], [of("above_raw", "matryoshka", seed, K) for seed in SEEDS])
    holds(found.parts["images per latent"], [N * PAPER_K / D], trained=False)
    holds(found.negative, [of("above_raw", "shuffled matryoshka", seed) for seed in SEEDS])
    holds(found.positive, [of("above_raw", "nearest", seed) for seed in SEEDS])
    holds(found.context["share above raw, batch_topk"], [of("above_raw", "batch_topk", seed) for seed in SEEDS])
    holds(found.context["share above raw, untrained"], [of("above_raw", "untrained", seed) for seed in SEEDS])
    holds(found.context["mean MS, matryoshka"], [of("mean", "matryoshka", seed) for seed in SEEDS])
    holds(found.context["mean MS, untrained"], [of("mean", "untrained", seed) for seed in SEEDS])
    holds(found.context["live share, matryoshka"], [of("live", "matryoshka", seed) for seed in SEEDS])
    support = [of("images", "matryoshka", seed) for seed in SEEDS]
    holds(found.context["images of the median live latent, matryoshka"], support)


def test_c1_is_judged_by_the_first_judge(table: pd.DataFrame) -> None:
    first, second = (table[table.judge == name] for name in dict.fromkeys(table.judge))
    assert c1(table, PAPER_K, K, N) == c1(first, PAPER_K, K, N) != c1(second, PAPER_K, K, N)


def test_c1_is_not_judged_from_a_handful_of_images_for_each_latent(table: pd.DataFrame) -> None:
    found = c1(table, PAPER_K, K, 80)
    why = "only 1.9 of 80 test images activate a latent on average"
    parts = ("share above raw", "above untrained", "with more active latents")
    assert [found.parts[name] for name in parts] == [why] * 3
    holds(found.parts["images per latent"], [80 * PAPER_K / D], trained=False)
    claim = judge(found, "03_real_clip")
    assert (claim.verdict, claim.headline) == ("not testable here", None) and claim.why == why
    assert all(not isinstance(effect, str) for effect in c1(table, PAPER_K, K, 428).parts.values()), "10.03 each"


def offset(table: pd.DataFrame, arm: str, seed: int) -> float:
    k = D if arm in ("raw", "rotated") else K
    where = {"arm": arm, "expansion": 1, "k": k, "seed": seed}
    return max(
        abs(look_up(table, "mean", judge=name, **where) - look_up(table, "chance", judge=name, **where))
        for name in JUDGES
    )


@pytest.fixture
def exact(table: pd.DataFrame) -> pd.DataFrame:
    """As in a real table: a judge has one chance level, and a raw neuron stands in every seed with the same numbers."""
    table = table.assign(chance=table.judge.map({"network": 0.41, "truth": 0.23}))
    raw = table[table.arm == "raw"].groupby("judge")[["mean", "sd"]].transform("first")
    table.loc[raw.index, ["mean", "sd"]] = raw
    return table


def test_c6(exact: pd.DataFrame) -> None:
    found = c6(exact, N)
    assert (found.id, found.seeds, found.n) == ("p1.C6", [], N)
    holds(found.parts["offset"], [offset(exact, "raw", 0)], trained=False)
    spread = max(look_up(exact, "sd", arm="raw", seed=0, judge=name) for name in JUDGES)
    holds(found.parts["spread"], [spread], trained=False)
    holds(found.positive, [offset(exact, "rotated", seed) for seed in SEEDS])
    holds(found.negative, [offset(exact, "batch_topk", seed) for seed in SEEDS])
    assert set(found.context) == {"chance by network", "chance by truth"}
    holds(found.context["chance by network"], [0.41], trained=False)
    holds(found.context["chance by truth"], [0.23], trained=False)


@pytest.mark.parametrize("name", JUDGES)
def test_c6_needs_every_judge(exact: pd.DataFrame, name: str) -> None:
    """A judge by which raw neurons are far from chance, above or below, is not hidden by the other one."""
    far = exact.assign(mean=exact.chance + 0.001)
    at = (far.judge == name) & (far.arm == "raw")
    for mean in (0.1, 0.9):
        changed = far.assign(mean=far["mean"].where(~at, mean))
        holds(c6(changed, N).parts["offset"], [abs(mean - changed[at].chance.iloc[0])], trained=False)
