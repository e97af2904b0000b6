"""The effects of claims 1 to 4 and 6, on tables of random numbers, against loops over their rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from lib.papers.p4 import edit_evidence as evidence
from lib.report.evidence import Evidence, judge

SEEDS = (0, 1, 2)
ARMS = (
    "unedited",
    "all latents kept",
    "constant mask",
    "other caption's mask",
    "masker",
    "masker + text",
    "text only",
    "oracle mask",
)
TOLD = (1, 3, 6, 10)


def table(columns: tuple[str, ...], seed: int, **keys: tuple) -> pd.DataFrame:
    """Every combination of arms, seeds and keys with random numbers of its own, in random order."""
    random = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product([ARMS, SEEDS, *keys.values()], names=["arm", "seed", *keys])
    made = pd.DataFrame(random.random((len(index), len(columns))), index=index, columns=list(columns)).reset_index()
    return made.sample(frac=1, random_state=seed)


def one(made: pd.DataFrame, column: str, **where: object) -> float:
    """The single value of the row that fits, found by a loop."""
    rows = [row for row in made.to_dict("records") if all(row[key] == value for key, value in where.items())]
    assert len(rows) == 1
    return rows[0][column]


def each(make: Callable[[int], float]) -> list[float]:
    return pytest.approx([make(seed) for seed in SEEDS])


def judged(found: Evidence) -> Evidence:
    judge(found, "40_controlled_captions")
    assert list(found.seeds) == list(SEEDS)
    return found


def test_claim_1() -> None:
    columns = ("auroc", "own", "same_factor", "untold")
    made = pd.concat([table(columns, 1), table(columns, 2).replace({"arm": {"unedited": "caption's own code"}})])
    made = made.drop_duplicates(["arm", "seed"])
    found = judged(evidence.selective(made, 9))
    assert found.parts["AUROC"].values == each(lambda s: one(made, "auroc", arm="masker", seed=s))
    assert found.negative.values == each(lambda s: one(made, "auroc", arm="other caption's mask", seed=s))
    assert found.positive.values == each(lambda s: one(made, "auroc", arm="oracle mask", seed=s))
    tuned = found.context["AUROC, masker + text"].values
    assert tuned == each(lambda s: one(made, "auroc", arm="masker + text", seed=s))
    assert found.context["mean mask, untold"].values == each(lambda s: one(made, "untold", arm="masker", seed=s))


def test_claim_2() -> None:
    factors = ("kind", "colour", "size")
    made = table(("accuracy", "apart", "transferred", "majority"), 3, factor=factors, told=(True, False))

    def mean(arm: str, told: bool, seed: int, column: str = "accuracy") -> float:
        return sum(one(made, column, arm=arm, told=told, seed=seed, factor=f) for f in factors) / 3

    def fall(arm: str, seed: int, column: str = "accuracy") -> float:
        top, floor = mean("unedited", False, seed), mean("unedited", False, seed, "majority")
        return (top - mean(arm, False, seed, column)) / (top - floor)

    found = judged(evidence.erasing(made, 9))
    assert found.parts["fall of untold facts"].values == each(lambda s: fall("masker", s))
    cost = found.parts["cost to told facts"].values
    assert cost == each(lambda s: mean("unedited", True, s) - mean("masker", True, s))
    assert found.negative.values == each(lambda s: fall("constant mask", s))
    assert found.positive.values == each(lambda s: fall("oracle mask", s))
    assert found.context["fall, text tuned"].values == each(lambda s: fall("masker + text", s))
    apart = found.context["fall, probe trained on untold only"].values
    assert apart == each(lambda s: fall("masker", s, "apart"))


def test_claim_3() -> None:
    factors = ("kind", "colour")
    made = table(("wrong", "right", "by_chance", "mask"), 4, factor=factors)
    pictures = {"kind": 30, "colour": 10}
    made["pictures"] = made.factor.map(pictures)

    def mean(arm: str, column: str, seed: int) -> float:
        return sum(pictures[f] * one(made, column, arm=arm, seed=seed, factor=f) for f in factors) / 40

    probes = table(("accuracy", "majority"), 7, factor=factors, told=(True, False))
    probes.loc[probes.arm == "unedited", "accuracy"], probes["majority"] = 0.9, 0.1
    probes.loc[probes.arm == "masker", "accuracy"] = 0.5
    found = judged(evidence.faithful(made, probes))
    assert found.n == 40
    excess = found.parts["excess of the wrong value"].values
    assert excess == each(lambda s: mean("masker", "wrong", s) - mean("masker", "by_chance", s))
    assert found.positive.values == each(lambda s: mean("unedited", "wrong", s) - mean("unedited", "by_chance", s))
    assert found.negative.values == each(lambda s: mean("masker", "mask", s) - mean("masker", "by_chance", s))
    probes.loc[probes.arm == "masker", "accuracy"] = 0.88
    vacuous = judged(evidence.faithful(made, probes))
    assert "untold facts fall by 0.03 of the way" in str(vacuous.parts["excess of the wrong value"])
    assert judge(vacuous, "40_controlled_captions").verdict == "not testable here"


@pytest.mark.parametrize(("name", "column"), [("RMG", "rmg"), ("matched cosine", "matched"), ("L2M", "l2m")])
def test_claim_4(name: str, column: str) -> None:
    made = table(("matched", "rmg", "l2m", "wrong_pairs"), 5)

    def change(base: str, seed: int, arm: str = "masker") -> float:
        return one(made, column, arm=arm, seed=seed) - one(made, column, arm=base, seed=seed)

    found = judged(evidence.aligned(made, 9))
    assert found.parts[name].values == each(lambda s: change("unedited", s))
    assert found.parts[f"{name} against reconstruction"].values == each(lambda s: change("all latents kept", s))
    if name == "RMG":
        assert found.negative.values == each(lambda s: change("unedited", s, "constant mask"))
        assert found.positive.values == each(lambda s: change("unedited", s, "oracle mask"))


def test_claim_6() -> None:
    made = table(("i2t", "t2i", "true_i2t", "true_t2i"), 6, told=TOLD)

    def gain(told: int, seed: int, arm: str = "masker", kind: str = "") -> float:
        def r1(which: str) -> float:
            return sum(one(made, kind + way, arm=which, seed=seed, told=told) for way in ("i2t", "t2i")) / 2

        return r1(arm) - r1("unedited")

    def arch(seed: int, arm: str = "masker") -> float:
        return (gain(3, seed, arm) + gain(6, seed, arm)) / 2 - (gain(1, seed, arm) + gain(10, seed, arm)) / 2

    found = judged(evidence.humped(made, 9))
    assert found.parts["arch of the gain"].values == each(arch)
    assert found.positive.values == each(lambda s: arch(s, "oracle mask"))
    assert found.negative.values == each(lambda s: arch(s, "other caption's mask"))
    assert found.context["gain, 6 facts"].values == each(lambda s: gain(6, s))
    assert found.context["gain by truth, 10 facts"].values == each(lambda s: gain(10, s, kind="true_"))
    assert found.context["arch, text only"].values == each(lambda s: arch(s, "text only"))
