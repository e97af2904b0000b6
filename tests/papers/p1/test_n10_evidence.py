"""Evidence for C2 to C5, C7, C11 and C12, against a look at every row of a table of random numbers."""

from __future__ import annotations

from math import log2

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lib.papers.common import ms_scores
from lib.papers.p1.n10_evidence import c2, c3, c4, c5, c7, c11, c12
from lib.report.evidence import judge
from lib.report.register import spec_of
from lib.worlds.objects import Objects
from lib.worlds.profiles import load_profile
from lib.worlds.session import open_session
from lib.worlds.world import World
from tests.papers.common.score_tables import KS, PAPER_K, SEEDS, WIDTHS, K, holds, line, look_up, random_scores

N = 2000


@pytest.fixture
def table() -> pd.DataFrame:
    return random_scores()


def along(table: pd.DataFrame, column: str, seed: int, arm: str = "matryoshka", judge: str = "network") -> list[float]:
    """A column over the widths."""
    return [look_up(table, column, arm=arm, expansion=e, k=K, judge=judge, seed=seed) for e in WIDTHS]


def slopes(table: pd.DataFrame, column: str, arm: str, widths: list[int] = WIDTHS) -> list[float]:
    x = [log2(e) for e in widths]
    return [line(x, along(table, column, seed, arm)[: len(widths)]) for seed in SEEDS]


def test_c2(table: pd.DataFrame) -> None:
    found = c2(table, K, WIDTHS, N)
    assert (found.id, found.seeds, found.n) == ("p1.C2", SEEDS, N)
    for name, arm in (("Matryoshka", "matryoshka"), ("BatchTopK", "batch_topk")):
        holds(found.parts[name], slopes(table, "supported_best", arm))
        holds(found.parts[f"{name}, any support"], slopes(table, "best", arm))
    holds(found.positive, slopes(table, "supported_best", "nearest"))
    holds(found.negative, slopes(table, "supported_best", "untrained"))
    holds(found.context["untrained, any support"], slopes(table, "best", "untrained"))
    holds(found.context["shuffled Matryoshka"], slopes(table, "supported_best", "shuffled matryoshka"))
    for at, e in enumerate(WIDTHS):
        holds(found.context[f"live share x{e}"], [along(table, "live", seed)[at] for seed in SEEDS])


def without_support(table: pd.DataFrame, expansions: list[int]) -> pd.DataFrame:
    at = table.expansion.isin(expansions) & (table.seed == SEEDS[1]) & (table.arm == "untrained")
    return table.assign(supported_best=table.supported_best.where(~at))


def test_a_width_at_which_some_dictionary_has_no_supported_latent_is_left_out_of_the_trend(table: pd.DataFrame) -> None:
    found = c2(without_support(table, [8]), K, WIDTHS, N)
    holds(found.parts["Matryoshka"], slopes(table, "supported_best", "matryoshka", [1, 2, 4]))
    found = c2(without_support(table, [2, 4, 8]), K, WIDTHS, N)
    assert judge(found, "10").verdict == "not testable here" and "two widths" in str(found.parts["Matryoshka"])
    assert judge(c2(table, K, [1, 8], N), "10").headline is not None, "two widths make a trend"


def test_c3(table: pd.DataFrame) -> None:
    found = c3(table, K, WIDTHS, N)
    assert (found.id, found.seeds, found.n) == ("p1.C3", SEEDS, N)
    means = [along(table, "mean", seed) for seed in SEEDS]
    holds(found.parts["arch"], [(b + c) / 2 - (a + d) / 2 for a, b, c, d in means])
    holds(found.parts["rise at the start"], [b - a for a, b, _, _ in means])
    holds(found.parts["fall at the end"], [c - d for _, _, c, d in means])
    holds(found.parts["high latents"], slopes(table, "high", "matryoshka"))
    for control, arm in ((found.positive, "resized"), (found.negative, "untrained")):
        curves = [along(table, "mean", seed, arm) for seed in SEEDS]
        holds(control, [(b + c) / 2 - (a + d) / 2 for a, b, c, d in curves])
    for at, e in enumerate(WIDTHS):
        holds(found.context[f"mean MS x{e}"], [mean[at] for mean in means])
        holds(found.context[f"R2 x{e}"], [along(table, "r2_equal", seed)[at] for seed in SEEDS])
        holds(found.context[f"live share x{e}"], [along(table, "live", seed)[at] for seed in SEEDS])


def test_a_hump_needs_three_widths(table: pd.DataFrame) -> None:
    claim = judge(c3(table, K, [1, 8], N), "10")
    assert (claim.verdict, claim.why) == ("not testable here", "a hump needs three widths")


def test_c4(table: pd.DataFrame) -> None:
    def of(column: str, k: int, seed: int, arm: str = "matryoshka") -> float:
        return look_up(table, column, arm=arm, expansion=1, k=k, judge="network", seed=seed)

    def fall(arm: str) -> list[float]:
        return [of("mean", 1, seed, arm) - of("mean", 16, seed, arm) for seed in SEEDS]

    found = c4(table, KS, N)
    assert (found.id, found.seeds, found.n) == ("p1.C4", SEEDS, N)
    holds(found.parts["score"], fall("matryoshka"))
    holds(found.positive, fall("nearest"))
    holds(found.negative, fall("shuffled matryoshka"))
    holds(found.context["score, untrained"], fall("untrained"))
    holds(found.parts["R2"], [of("r2", 16, seed) - of("r2", 1, seed) for seed in SEEDS])
    for k in KS:
        holds(found.context[f"mean MS at K {k}"], [of("mean", k, seed) for seed in SEEDS])
        holds(found.context[f"live share at K {k}"], [of("live", k, seed) for seed in SEEDS])
        holds(found.context[f"images of the median live latent at K {k}"], [of("images", k, seed) for seed in SEEDS])


def test_c5(table: pd.DataFrame) -> None:
    def gain(column: str, judge: str = "network", better: str = "matryoshka", worse: str = "batch_topk") -> list[float]:
        found = []
        for seed in SEEDS:
            ours, theirs = (along(table, column, seed, arm, judge) for arm in (better, worse))
            found.append(sum(a - b for a, b in zip(ours, theirs, strict=True)) / len(WIDTHS))
        return found

    found = c5(table, K, WIDTHS, N, PAPER_K)
    assert (found.id, found.seeds, found.n) == ("p1.C5", SEEDS, N)
    holds(found.parts["score"], gain("mean"))
    holds(found.parts["R2"], gain("r2_equal"))
    x1 = {"expansion": 1, "judge": "network", "k": PAPER_K}
    sparse = [
        look_up(table, "mean", arm="matryoshka", seed=seed, **x1)
        - look_up(table, "mean", arm="batch_topk", seed=seed, **x1)
        for seed in SEEDS
    ]
    holds(found.parts["score at the paper's sparsity"], sparse)
    holds(found.positive, gain("mean", better="nearest"))
    holds(found.negative, gain("mean", better="shuffled matryoshka", worse="shuffled batch_topk"))
    holds(found.context["score by the truth judge"], gain("mean", "truth"))
    holds(found.context["live share"], gain("live"))
    holds(found.context["images of the median live latent"], gain("images"))
    for at, e in enumerate(WIDTHS):
        ours, theirs = ([along(table, "r2_equal", s, arm)[at] for s in SEEDS] for arm in ("matryoshka", "batch_topk"))
        holds(found.context[f"R2 x{e}"], [a - b for a, b in zip(ours, theirs, strict=True)])


def agreement() -> pd.DataFrame:
    """Random scores of other latents in every seed, in any order."""
    random = np.random.default_rng(2)
    parts = []
    for seed in SEEDS:
        network = random.random(40 + seed)
        columns = {"network": network, "truth": network + 0.5 * random.random(40 + seed)}
        columns |= {name: random.random(40 + seed) for name in ("network, other images", "truth, other images")}
        columns |= {name: network + 0.1 * random.random(40 + seed) for name in ("first_half", "second_half")}
        parts.append(pd.DataFrame({"seed": seed, **columns}))
    return pd.concat(parts).sample(frac=1, random_state=1)


def test_c7(table: pd.DataFrame) -> None:
    scores = agreement()
    found = c7(scores, table, K, N, "")
    assert (found.id, found.seeds, found.n) == ("p1.C7", SEEDS, N)
    of = [scores[scores.seed == seed] for seed in SEEDS]

    def ranks(first: str, second: str) -> list[float]:
        return [stats.spearmanr(rows[first], rows[second]).statistic for rows in of]

    holds(found.parts["rank correlation"], ranks("network", "truth"))
    holds(found.positive, ranks("first_half", "second_half"))
    holds(found.negative, ranks("network", "truth, other images"))
    for judge_name in ("network", "truth"):
        gain = [
            look_up(table, "mean", arm="matryoshka", expansion=1, k=K, judge=judge_name, seed=seed)
            - look_up(table, "mean", arm="raw", judge=judge_name, seed=seed)
            for seed in SEEDS
        ]
        holds(found.parts[f"above raw by the {judge_name}"], gain)
    holds(found.context["latents"], [40 + seed for seed in SEEDS])


def test_one_judge_or_two_of_one_label_cannot_agree(table: pd.DataFrame) -> None:
    for judge_name in ("network", "truth"):
        claim = judge(c7(agreement().drop(columns=judge_name), table, K, N, ""), "10")
        why = "the world has no second judge: a network beside the ground truth"
        assert (claim.verdict, claim.why) == ("not testable here", why)
    assert World.judges_share == "" and Objects.judges_share
    claim = judge(c7(agreement(), table, K, N, Objects.judges_share), "10")
    assert (claim.verdict, claim.why) == ("not testable here", Objects.judges_share)


def overlap(half: list[float], latents: list[int]) -> pd.DataFrame:
    columns = {"latents": latents, "any": [0.01, 0.02, 0.03], "half": half, "any_random": [0.011, 0.012, 0.013]}
    columns["half_random"] = [0.0, 0.0001, 0.0]
    return pd.DataFrame({"seed": SEEDS, **columns}).iloc[::-1]


def test_c11() -> None:
    found = c11(overlap([0.002, 0.0005, 0.0], [120, 130, 140]), N)
    assert (found.id, found.seeds, found.n) == ("p1.C11", SEEDS, N)
    holds(found.parts["copies"], [0.002, 0.0005, 0.0])
    holds(found.positive, [0.0, 0.0001, 0.0])
    holds(found.context["pairs that share any image"], [0.01, 0.02, 0.03])
    holds(found.context["random sets that share any image"], [0.011, 0.012, 0.013])
    holds(found.context["latents with full lists"], [120, 130, 140])


def test_doubled_latents_are_counted_as_they_would_be() -> None:
    """Two of three latents are copies: one pair of three, and with every latent twice 3 + 4 pairs of 15."""
    groups = [0, 0, 1] * 2
    pairs = [(a, b) for a in range(6) for b in range(a)]
    alike = [groups[a] == groups[b] for a, b in pairs]
    found = c11(overlap([1 / 3] * 3, [3] * 3), N)
    holds(found.negative, [sum(alike) / len(alike)] * 3)


def test_doubled_latents_are_noticed_up_to_five_hundred() -> None:
    margin = spec_of("p1.C11").headline.margin
    for latents, noticed in ((500, True), (502, False)):
        negative = c11(overlap([0.0] * 3, [latents] * 3), N).negative
        assert negative is not None and (negative.mean > margin) == noticed


def test_c12(table: pd.DataFrame) -> None:
    def off(arm: str, seed: int, column: str = "l0") -> float:
        return max(abs(l0 / K - 1) for l0 in along(table, column, seed, arm))

    found = c12(table, K, WIDTHS, N)
    assert (found.id, found.seeds, found.n) == ("p1.C12", SEEDS, N)
    holds(found.parts["deviation"], [max(off("matryoshka", seed), off("batch_topk", seed)) for seed in SEEDS])
    for arm in ("matryoshka", "batch_topk"):
        holds(found.context[f"deviation, {arm}"], [off(arm, seed) for seed in SEEDS])
    for control, column in ((found.positive, "l0_equal"), (found.negative, "l0_free")):
        holds(control, [max(off("matryoshka", seed, column), off("batch_topk", seed, column)) for seed in SEEDS])


@pytest.mark.parametrize("arm", ["matryoshka", "batch_topk"])
@pytest.mark.parametrize("e", WIDTHS)
def test_c12_looks_at_every_width_of_both_dictionaries_above_and_below(table: pd.DataFrame, arm: str, e: int) -> None:
    for l0 in (0.25 * K, 1.75 * K):
        at = (table.arm == arm) & (table.expansion == e) & (table.k == K)
        found = c12(table.assign(l0=table.l0.where(~at, l0)), K, WIDTHS, N)
        holds(found.parts["deviation"], [0.75] * len(SEEDS))


@pytest.mark.parametrize(("given", "widths", "wide"), [([16], [1, 16], 16), ([8, 4], [1, 4, 8], 4), ([1], [1], 1)])
def test_every_profile_has_what_the_claims_compare(given: list[int], widths: list[int], wide: int) -> None:
    """Whatever expansions it names: raw neurons stand beside x1, and some width is looked at latent by latent."""
    session = open_session("10", load_profile("scenes", [f"sae.expansions={given}", "splits.train=20"]))
    assert (ms_scores.widths(session), ms_scores.wide(session)) == (widths, wide)
    recipes = ms_scores.ms_recipes(session)
    places = [(r.name, r.trained, r.expansion, r.k) for r in recipes]
    assert len(set(places)) == len(places), "two dictionaries in one row of the table"
    assert {(r.expansion, r.k) for r in recipes} >= {(1, k) for k in ms_scores.SWEPT_KS} | {(wide, 8), (1, 3)}
