from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from lib.base.errors import CompanionError
from lib.base.files import ROOT
from lib.base.places import results_root
from lib.report.claims import Claim, write_claim
from lib.report.effects import exactly, over_seeds
from lib.report.register import spec_of
from tests.gates.tolerance import compare, expected_profiles, room, update
from tests.report.examples import evidence, example

PROFILES = expected_profiles()


def test_the_default_profile_has_expected_values() -> None:
    assert "scenes" in PROFILES, "write them down: python -m tests.gates.tolerance scenes"


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_results_are_as_expected(profile: str) -> None:
    assert compare(results_root() / profile, PROFILES[profile]) == []


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_expected_claims_are_those_of_the_register(profile: str) -> None:
    """A margin, a rule or a part that is changed in the register shows before any notebook is run again."""
    for id, fields in PROFILES[profile].items():
        claim, spec = Claim(**fields), spec_of(id)
        assert claim.statement == spec.statement
        rules = {part.name: (part.rule, part.margin, part.zero) for part in spec.parts}
        assert {part.name: (part.rule, part.margin, part.zero) for part in claim.parts}.items() <= rules.items(), id
        if claim.headline:
            assert {part.name for part in claim.parts} | {part.name for part in claim.unmeasured} == set(rules), id


def test_every_committed_profile_is_checked() -> None:
    listed = subprocess.run(["git", "ls-files", "results"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout, so what is committed is not known")
    committed = {line.split("/")[1] for line in listed.stdout.splitlines() if "/claims/" in line}
    assert committed <= set(PROFILES), "write them down: python -m tests.gates.tolerance <profile>"


def expected_of(*claims: Claim) -> dict[str, Any]:
    return {claim.id: claim.model_dump() for claim in claims}


def problems_of(tmp_path: Path, claim: Claim, wanted: Claim | None = None) -> list[str]:
    write_claim(claim, tmp_path)
    return compare(tmp_path, expected_of(wanted or example()))


def test_unchanged_results_pass(tmp_path: Path) -> None:
    assert problems_of(tmp_path, example()) == []


def test_a_mean_may_move_by_twice_its_prediction_interval(tmp_path: Path) -> None:
    redraw = over_seeds([0.11, 0.12, 0.13]).redraw
    assert room(example().headline, example().headline, 2000) == pytest.approx(2 * redraw)
    moved = [value + 1.99 * redraw for value in (0.11, 0.12, 0.13)]
    assert problems_of(tmp_path, example(evidence(moved))) == []
    (problem, *_) = problems_of(tmp_path, example(evidence([value + 2.01 * redraw for value in (0.11, 0.12, 0.13)])))
    assert problem.startswith("p1.C4: score is 0.190") and problem.endswith(f"within {2 * redraw:.3g}")


def test_a_number_that_is_not_trained_moves_by_rounding_or_one_item(tmp_path: Path) -> None:
    def with_context(value: float) -> Claim:
        return example(evidence(context={"dense": exactly(value)}))

    assert problems_of(tmp_path, with_context(0.504), with_context(0.5)) == []
    assert problems_of(tmp_path, with_context(0.0004), with_context(0.0)) == []
    (problem, *_) = problems_of(tmp_path, with_context(0.506), with_context(0.5))
    assert problem == "p1.C4: dense is 0.506, expected 0.5 within 0.005"


def test_a_number_that_is_the_same_for_every_seed_moves_by_rounding(tmp_path: Path) -> None:
    """The standard deviation of five equal numbers need not be 0 in floating point."""

    def with_context(value: float) -> Claim:
        return example(evidence(context={"greedy": over_seeds([value] * 3)}))

    assert 0 < with_context(0.1).numbers[-1].redraw < 1e-15
    assert problems_of(tmp_path, with_context(0.1009), with_context(0.1)) == []
    (problem, *_) = problems_of(tmp_path, with_context(0.102), with_context(0.1))
    assert problem == "p1.C4: greedy is 0.102, expected 0.1 within 0.001"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"statement": "other words"}, "statement is 'other words'"),
        ({"notebook": "11_x"}, "notebook is '11_x'"),
        ({"n": 1999}, "n is 1999, expected 2000"),
        ({"context": []}, "numbers is "),
        ({"sides": []}, "parts is "),
    ],
)
def test_changed_words_are_one_line(tmp_path: Path, changes: dict, problem: str) -> None:
    found = problems_of(tmp_path, example(**changes))
    assert found[0].startswith(f"p1.C4: {problem}")


@pytest.mark.parametrize("field", ["rule", "margin", "zero", "outcome", "near", "mean", "redraw"])
def test_a_part_that_was_changed_by_hand_is_noticed(tmp_path: Path, field: str) -> None:
    changed = {
        "rule": "below",
        "margin": 0.06,
        "zero": 0.01,
        "outcome": "weaker",
        "near": True,
        "mean": 0.121,
        "redraw": 0.05,
    }
    headline = example().headline.model_copy(update={field: changed[field]})
    assert problems_of(tmp_path, example(headline=headline))


def test_a_verdict_follows_its_numbers(tmp_path: Path) -> None:
    assert problems_of(tmp_path, example(verdict="partly")) == [
        "p1.C4: verdict is 'partly', expected 'reproduced', though none of its numbers moved"
    ]
    moved = example(evidence([0.111, 0.12, 0.13])).model_copy(update={"verdict": "partly"})
    assert problems_of(tmp_path, moved) == [
        "p1.C4: verdict is 'partly', expected 'reproduced', which was not near its margin"
    ]


def test_a_verdict_near_its_margin_may_be_another_where_numbers_moved(tmp_path: Path) -> None:
    near, other = example(evidence([0.08, 0.1, 0.12])), example(evidence([0.07, 0.1, 0.13]))
    assert near.near and (near.verdict, other.verdict) == ("reproduced", "weaker")
    assert problems_of(tmp_path, other, near) == []
    assert (
        "though none of its numbers moved"
        in problems_of(tmp_path, near.model_copy(update={"verdict": "weaker"}), near)[0]
    )


def test_what_stops_being_measured_is_told(tmp_path: Path) -> None:
    (problem, *_) = problems_of(tmp_path, example(evidence("no judge")))
    assert problem.startswith("p1.C4: parts is ")


def test_why_may_quote_other_numbers(tmp_path: Path) -> None:
    assert problems_of(tmp_path, example(why="fell by 0.1198")) == []


def test_missing_extra_and_damaged_claims_are_told(tmp_path: Path) -> None:
    write_claim(example(id="p1.C6"), tmp_path)
    expected = expected_of(example(), example(id="p1.C5"))
    assert compare(tmp_path, expected) == [
        "p1.C4: missing; its notebook did not write it",
        "p1.C5: missing; its notebook did not write it",
        "p1.C6: not expected; write it down if it is meant",
    ]
    path = tmp_path / "claims" / "p1.C6.json"
    path.write_text(path.read_text().replace('"n": 2000', '"n": NaN'))
    (problem,) = compare(tmp_path, expected)
    assert problem.startswith("claim p1.C6, field n:")


def test_update_writes_what_compare_accepts(tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match="scenes: no claim at all"):
        update("scenes", tmp_path, tmp_path)
    write_claim(example(), tmp_path / "scenes")
    update("scenes", tmp_path, tmp_path / "expected")
    assert compare(tmp_path / "scenes", expected_profiles(tmp_path / "expected")["scenes"]) == []
