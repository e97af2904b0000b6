"""Evidence for C14 to C16 against loops over questions and pictures, and its interval against one drawn from scenes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lib.papers.p2 import n22_evidence as evidence
from lib.papers.p2.n22_evidence import ratio_by_unit
from lib.report.effects import Effect, nested, over_items
from lib.report.evidence import judge

SEEDS, SCENES = (0, 1, 2), range(5)
ADDITIVE, CONVEX = "concepts, additive", "concepts, convex"
ORACLE, ANOTHER = "oracle", "another scene's oracle"
EACH_WORD = ", each word"
PLAIN_RULES = ("regular", "greedy", "cut only", "contrast with noise", ADDITIVE, CONVEX, ORACLE, ANOTHER)
OTHER_PICTURE = "another picture's concepts"
RULES = (*PLAIN_RULES, *(rule + EACH_WORD for rule in (ADDITIVE, CONVEX, ORACLE, ANOTHER, OTHER_PICTURE)))
UNTRAINED = tuple(rule for rule in RULES if "concepts" not in rule)


@pytest.fixture
def answered() -> pd.DataFrame:
    return answers(RULES, 0)


@pytest.fixture
def plain() -> pd.DataFrame:
    """Of scenes without pairs, where edits have the paper's form only."""
    return answers(PLAIN_RULES, 1)


def answers(rules: tuple[str, ...], draw: int) -> pd.DataFrame:
    """Scene s has 2 (s + 1) questions for each kind of negatives; a few chances exceed 1 by rounding."""
    rng = np.random.default_rng(draw)
    rows = [
        {"rule": rule, "seed": seed, "negatives": how, "scene": scene, "prompt": f"{how} {n}", "yes": n % 2 == 0}
        for rule in rules
        for seed in SEEDS
        for how in ("random", "frequent", "adversarial")
        for scene in SCENES
        for n in range(2 * (scene + 1))
    ]
    table = pd.DataFrame(rows)
    table["chance"] = np.where(rng.random(len(table)) < 0.05, 1 + 1e-6, rng.random(len(table)))
    once = table[table.seed == 0].set_index(["rule", "prompt", "scene"]).chance
    equal = table.rule.isin(UNTRAINED)  # what is not trained is the same with every seed
    table.loc[equal, "chance"] = once.loc[pd.MultiIndex.from_frame(table.loc[equal, ["rule", "prompt", "scene"]])].array
    return table.sample(frac=1, random_state=0)


@pytest.fixture
def lists() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    rows = [
        {"rule": rule, "seed": seed, "picture": picture, "wrong": rng.integers(3), "said": 3 + rng.integers(4)}
        for rule in RULES
        for seed in SEEDS
        for picture in range(6)
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


def shares(rows: list[tuple[int, float, float]]) -> list[float]:
    """For (unit, total, count): the linearised ratio of each unit, in order."""
    units = sorted({unit for unit, _, _ in rows})
    ratio = sum(total for _, total, _ in rows) / sum(count for _, _, count in rows)
    mean_count = sum(count for _, _, count in rows) / len(units)
    return [
        ratio + sum(total - ratio * count for own, total, count in rows if own == unit) / mean_count for unit in units
    ]


def accuracy(answered: pd.DataFrame, rule: str) -> np.ndarray:
    found = []
    for seed in SEEDS:
        rows = []
        for row in answered.to_dict("records"):
            if row["rule"] == rule and row["seed"] == seed:
                chance = min(row["chance"], 1.0)
                rows.append((row["scene"], chance if row["yes"] else 1 - chance, 1.0))
        found.append(shares(rows))
    return np.array(found)


def absent(lists: pd.DataFrame, rule: str) -> np.ndarray:
    rows = lists[lists.rule == rule].to_dict("records")
    return np.array([shares([(r["picture"], r["wrong"], r["said"]) for r in rows if r["seed"] == s]) for s in SEEDS])


def alike(found: Effect | None, items: np.ndarray) -> None:
    """The effect of something untrained is that of items (units,) that a loop found."""
    expected = over_items(items)
    assert found is not None and not found.trained
    assert found.values == pytest.approx(expected.values, abs=1e-12)
    assert (found.below, found.above) == pytest.approx((expected.below, expected.above), abs=1e-12)


def same(found: Effect | str | None, items: np.ndarray) -> None:
    """The effect is that of items (seeds, units) that a loop found."""
    expected = nested(items)
    assert isinstance(found, Effect) and found.trained
    assert found.values == pytest.approx(expected.values, abs=1e-12)
    assert (found.below, found.above) == pytest.approx((expected.below, expected.above), abs=1e-12)


def test_concepts_against_sampling(answered: pd.DataFrame, plain: pd.DataFrame) -> None:
    found = evidence.c14(answered, plain)
    assert (found.id, found.n, found.seeds) == ("p2.C14", 3 * (2 + 4 + 6 + 8 + 10), [0, 1, 2])
    regular = accuracy(answered, "regular")
    assert set(found.parts) == {"additive rule", "convex rule"}
    alike(found.positive, (accuracy(answered, ORACLE + EACH_WORD) - regular)[0])
    same(found.parts["additive rule"], accuracy(answered, ADDITIVE + EACH_WORD) - regular)
    same(found.parts["convex rule"], accuracy(answered, CONVEX + EACH_WORD) - regular)
    alike(found.negative, (accuracy(answered, "cut only") - regular)[0])
    on_pairs = {name for name in found.context if not name.endswith("without pairs")}
    shown = ("regular", "greedy", "cut only", ADDITIVE, *(r + EACH_WORD for r in (ADDITIVE, CONVEX, ORACLE)))
    assert on_pairs == {f"accuracy, {rule}" for rule in shown}
    for name in on_pairs:
        same(found.context[name], accuracy(answered, name.removeprefix("accuracy, ")))
    sampled = accuracy(plain, "regular")
    for rule in (ADDITIVE, ORACLE, "cut only"):
        same(found.context[f"{rule} minus regular, scenes without pairs"], accuracy(plain, rule) - sampled)
    judge(found, "22_hallucination")


def test_concepts_against_the_cut_alone(answered: pd.DataFrame, plain: pd.DataFrame) -> None:
    found = evidence.c15(answered, plain)
    assert (found.id, found.n, found.seeds) == ("p2.C15", 90, [0, 1, 2])
    cut, plain_cut = accuracy(answered, "cut only"), accuracy(plain, "cut only")
    assert set(found.parts) == {"beyond the cut"}
    alike(found.positive, (accuracy(answered, ORACLE + EACH_WORD) - cut)[0])
    same(found.negative, accuracy(answered, OTHER_PICTURE + EACH_WORD) - cut)
    same(found.parts["beyond the cut"], accuracy(answered, ADDITIVE + EACH_WORD) - cut)
    expected = {
        f"{rule} minus the cut only": accuracy(answered, rule) - cut
        for rule in (CONVEX + EACH_WORD, ANOTHER + EACH_WORD, "greedy", ADDITIVE, ORACLE)
    } | {
        f"{rule} minus the cut only, scenes without pairs": accuracy(plain, rule) - plain_cut
        for rule in (ADDITIVE, ORACLE)
    }
    assert set(found.context) == set(expected)
    for name, items in expected.items():
        same(found.context[name], items)
    judge(found, "22_hallucination")


def test_absent_objects(lists: pd.DataFrame) -> None:
    found = evidence.c16(lists)
    assert (found.id, found.n, found.seeds) == ("p2.C16", 6, [0, 1, 2])
    each, told = ADDITIVE + EACH_WORD, ORACLE + EACH_WORD
    other = OTHER_PICTURE + EACH_WORD
    rate = {rule: absent(lists, rule) for rule in ("regular", "cut only", "greedy", ADDITIVE, each, other, told)}
    assert set(found.parts) == {"than sampling", "than the cut alone"}
    same(found.positive, rate["regular"] - rate[told])
    same(found.parts["than sampling"], rate["regular"] - rate[each])
    same(found.parts["than the cut alone"], rate["cut only"] - rate[each])
    same(found.negative, rate["regular"] - rate["cut only"])
    same(found.context.pop(f"{OTHER_PICTURE} minus concepts, additive"), rate[other] - rate[each])
    assert set(found.context) == {f"CHAIR_I, {rule}" for rule in rate}
    for name, effect in found.context.items():
        same(effect, rate[name.removeprefix("CHAIR_I, ")])
    judge(found, "22_hallucination")


def test_lists_that_are_the_same_differ_by_nothing(lists: pd.DataFrame) -> None:
    each = ADDITIVE + EACH_WORD
    equal = lists[lists.rule == "cut only"].assign(rule=each)
    part = evidence.c16(pd.concat([lists[lists.rule != each], equal])).parts["than the cut alone"]
    assert part == nested(np.zeros((3, 6)))


def test_the_mean_is_the_accuracy_over_all_questions(answered: pd.DataFrame) -> None:
    mine = answered[(answered.rule == ADDITIVE) & (answered.seed == 1)]
    right = [row.chance if row.yes else 1 - row.chance for row in mine.itertuples()]
    assert evidence.accuracy_by_scene(answered, ADDITIVE)[1].mean() == pytest.approx(np.mean(right), abs=1e-6)


def test_a_linearised_ratio_scatters_like_the_ratio() -> None:
    rng = np.random.default_rng(0)
    whole = rng.integers(1, 9, 400).astype(float)
    part = whole * rng.beta(2, 1, 400)
    table = pd.DataFrame({"seed": 0, "scene": np.arange(400), "part": part, "share": part / whole, "whole": whole})
    items = ratio_by_unit(table, "scene", "part", "whole")
    assert items.mean() == pytest.approx(part.sum() / whole.sum())
    np.testing.assert_allclose(ratio_by_unit(table.assign(whole=1.0), "scene", "share", "whole")[0], table.share)
    drawn = [rng.integers(400, size=400) for _ in range(2000)]
    ratios = [part[rows].sum() / whole[rows].sum() for rows in drawn]
    effect = nested(items)
    assert effect.above + effect.below == pytest.approx(np.ptp(np.quantile(ratios, [0.025, 0.975])), rel=0.08)
