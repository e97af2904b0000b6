"""Judging: for an example, and for each part of each registered claim, on both sides of its margin."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.base.errors import CompanionError
from lib.report.effects import Effect, exactly, over_seeds
from lib.report.evidence import Evidence, judge, not_measured
from lib.report.register import Part, Spec, registered
from tests.report.examples import SPEC, evidence, example, spec

NUDGE = 1e-6
SPECS = registered()
PARTS = [(id, part.name) for id, each in SPECS.items() for part in each.parts]


def test_the_words_of_a_verdict_are_derived() -> None:
    claim = example()
    assert (claim.verdict, claim.headline.outcome, claim.sides[0].outcome) == ("reproduced",) * 3
    assert claim.why == (
        "score: 0.12 [0.0952, 0.145], above 0.05: reproduced; R2: -0.21 [-0.235, -0.185], below -0.1: reproduced"
    )


NEAR_R2 = [-0.09, -0.11, -0.13]


@pytest.mark.parametrize(
    ("score", "positive", "near"),
    [
        ([0.5, 0.5, 0.5], 0.5, True),  # the headline holds, so the side part decides between whole and partly
        ([-0.5, -0.5, -0.5], 0.5, False),  # opposite, whatever the side part comes to
        ([0.04, 0.05, 0.06], 0.5, True),
        ([0.04, 0.05, 0.06], 0.0, False),  # the control decides
    ],
)
def test_a_claim_is_near_where_a_part_that_decides_it_is(score: list[float], positive: float, near: bool) -> None:
    assert example(evidence(score, NEAR_R2, positive=over_seeds([positive] * 3))).near is near


def test_one_side_part_that_is_near_is_enough() -> None:
    sides = [{**SPEC["sides"][0], "name": name} for name in ("R2", "R2 again")]
    given = evidence(
        parts={"score": over_seeds([0.5] * 3), "R2": over_seeds(NEAR_R2), "R2 again": over_seeds([-9] * 3)}
    )
    assert judge(given, "10_x", spec(sides=sides)).near


def test_what_was_not_measured_has_no_items_and_is_not_near() -> None:
    claim = judge(not_measured("p1.C4", "no pictures"), "10_x")
    assert (claim.n, claim.seeds, claim.near, claim.why) == (0, [], False, "no pictures")


def test_what_has_no_value_is_not_judged_and_is_named() -> None:
    nan = float("nan")
    claim = example(evidence([0.1, nan, nan]))
    assert (claim.verdict, claim.headline, claim.why) == ("not testable here", None, "no value with seeds 1, 2")
    assert "score" in [one.name for one in claim.unmeasured]
    claim = example(evidence(r2=[nan] * 3, positive=over_seeds([nan, 1.0]), context={"untrained": exactly(nan)}))
    assert claim.verdict == "reproduced" and claim.sides == [] and claim.positive is None and claim.context == []
    assert {one.name: one.why for one in claim.unmeasured} == dict.fromkeys(
        ("R2", "positive control", "untrained"), "no value"
    )
    assert claim.negative is not None


def test_a_control_that_decides_is_named_with_its_number() -> None:
    claim = example(evidence(positive=over_seeds([0.01, 0.02, 0.03])))
    assert claim.verdict == "not testable here" and not claim.near
    assert claim.why.startswith("the truth as dictionary (0.02) does not reach the margin, so nothing could; score: ")
    claim = example(evidence(negative=over_seeds([0.1, 0.11, 0.12])))
    assert claim.verdict == "not testable here"
    assert claim.why.startswith("shuffled (0.11) reaches the margin, so reaching it means nothing; score: ")


def test_a_world_that_lacks_something_says_what() -> None:
    claim = example(evidence("the world has no judge"))
    assert (claim.verdict, claim.headline, claim.why) == ("not testable here", None, "the world has no judge")
    given = evidence()
    claim = example(replace(given, parts={**given.parts, "R2": "no decoder"}))
    assert claim.verdict == "reproduced" and "R2: not measured, no decoder" in claim.why
    assert [one.name for one in claim.unmeasured] == ["R2"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parts": {"score": exactly(1.0)}}, "claim p1.C4: part 'R2' was not measured; the register has R2, score"),
        ({"parts": {"score": exactly(1), "R2": exactly(1), "x": exactly(1)}}, "part 'x' is not in the register"),
        ({"seeds": [0, 1]}, "part score: 3 values for 2 seeds; give one per seed"),
        ({"seeds": [0, 1, 1]}, r"seeds \[0, 1, 1\] repeat"),
    ],
)
def test_evidence_that_does_not_fit_the_register_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(CompanionError, match=message):
        example(evidence(**changes))


@pytest.mark.parametrize("kind", ["positive", "negative"])
def test_a_control_that_no_register_names_is_refused(kind: str) -> None:
    with pytest.raises(CompanionError, match=f"its register names no {kind} control"):
        judge(evidence(), "10_x", spec(**{kind: None}))


def beyond(part: Part, side: float) -> Effect:
    """Three seeds whose whole interval is just beyond the margin (side 1), just short of it (-1), or in between."""
    direction = -1 if part.rule in ("below", "within") else 1
    middle = part.margin + direction * side * NUDGE * max(1.0, abs(part.margin))
    return over_seeds([middle, middle, middle])


def whole(id: str) -> Evidence:
    """Evidence in which every part of a registered claim holds, and its controls do what they must."""
    each = SPECS[id]
    parts = {part.name: beyond(part, 1) for part in each.parts}
    positive = beyond(each.headline, 1) if each.positive else None
    negative = beyond(each.headline, -1) if each.negative else None
    return Evidence(id, parts, [0, 1, 2], 100, positive, negative)


@pytest.mark.parametrize("id", SPECS)
def test_a_claim_whose_parts_all_hold_is_reproduced(id: str) -> None:
    assert judge(whole(id), "10_x").verdict == "reproduced"


@pytest.mark.parametrize(("id", "name"), PARTS)
def test_a_part_just_short_of_its_margin_does_not_hold(id: str, name: str) -> None:
    part = next(one for one in SPECS[id].parts if one.name == name)
    given = whole(id)
    claim = judge(replace(given, parts={**given.parts, name: beyond(part, -1)}), "10_x")
    held = {one.name: one.outcome == "reproduced" for one in claim.parts}
    assert held == {one: one != name for one in held}
    assert claim.verdict == ("partly" if name != SPECS[id].headline.name else claim.headline.outcome)
    assert claim.verdict != "reproduced"


@pytest.mark.parametrize(("id", "name"), PARTS)
def test_a_part_with_the_wrong_sign_is_opposite(id: str, name: str) -> None:
    part = next(one for one in SPECS[id].parts if one.name == name)
    far = abs(part.margin - part.zero) + 1.0
    wrong = part.zero - far if part.rule == "above" else part.zero + far
    given = whole(id)
    claim = judge(replace(given, parts={**given.parts, name: over_seeds([wrong] * 3)}), "10_x")
    found = next(one for one in claim.parts if one.name == name)
    assert found.outcome == "opposite"
    assert claim.verdict == ("opposite" if name == SPECS[id].headline.name else "partly")


@pytest.mark.parametrize("id", [id for id, each in SPECS.items() if each.positive])
def test_a_positive_control_that_fails_decides(id: str) -> None:
    claim = judge(replace(whole(id), positive=beyond(SPECS[id].headline, -1)), "10_x")
    assert claim.verdict == "not testable here" and SPECS[id].positive.name in claim.why


@pytest.mark.parametrize("id", [id for id, each in SPECS.items() if each.negative])
def test_a_negative_control_that_reaches_the_margin_decides(id: str) -> None:
    claim = judge(replace(whole(id), negative=beyond(SPECS[id].headline, 1)), "10_x")
    assert claim.verdict == "not testable here" and SPECS[id].negative.name in claim.why


@pytest.mark.parametrize(("id", "name"), PARTS)
def test_a_part_without_one_of_its_seeds_is_refused(id: str, name: str) -> None:
    given = whole(id)
    with pytest.raises(CompanionError, match=f"claim {id}, part .*: 2 values for 3 seeds"):
        judge(replace(given, parts={**given.parts, name: over_seeds([1.0, 1.0])}), "10_x")
    rest = {one: effect for one, effect in given.parts.items() if one != name}
    with pytest.raises(CompanionError, match="was not measured"):
        judge(replace(given, parts=rest), "10_x")


@pytest.mark.parametrize("id", SPECS)
def test_a_claim_that_a_world_cannot_measure_is_not_testable(id: str) -> None:
    claim = judge(not_measured(id, "nothing to judge by"), "10_x")
    assert (claim.verdict, claim.why, claim.parts) == ("not testable here", "nothing to judge by", [])


def test_the_register_is_what_a_claim_says() -> None:
    each: Spec = SPECS[next(iter(SPECS))]
    claim = judge(whole(each.id), "10_x")
    assert claim.statement == each.statement
    assert [(one.name, one.rule, one.margin, one.zero) for one in claim.parts] == [
        (part.name, part.rule, part.margin, part.zero) for part in each.parts
    ]
