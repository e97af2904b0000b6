from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lib.base.errors import CompanionError
from lib.report.claims import Claim, read_claims, said_number, said_rule, write_claim
from lib.report.effects import exactly, over_seeds
from tests.report.examples import evidence, example

NAN, INFINITY = float("nan"), float("inf")


def test_a_claim_survives_the_disk_and_rewriting_changes_no_byte(tmp_path: Path) -> None:
    path = write_claim(example(), tmp_path)
    before = path.read_bytes()
    assert path == tmp_path / "claims" / "p1.C4.json"
    (found,) = read_claims(tmp_path)
    assert (found.id, found.verdict, found.why) == ("p1.C4", "reproduced", example().why)
    write_claim(found, tmp_path)
    assert path.read_bytes() == before


@given(st.floats(-1e100, 1e100))
def test_numbers_keep_six_significant_digits(tmp_path_factory: pytest.TempPathFactory, value: float) -> None:
    folder = tmp_path_factory.mktemp("claims")
    claim = example(evidence(context={"one": exactly(value)}))
    fields = json.loads(write_claim(claim, folder).read_text())
    assert fields["context"][0]["mean"] == float(f"{value:.6g}")


def test_claims_come_by_paper_and_number(tmp_path: Path) -> None:
    for id in ("p4.6", "p1.C10", "p1.C2", "p2.C1"):
        write_claim(example(id=id), tmp_path)
    assert [claim.id for claim in read_claims(tmp_path)] == ["p1.C2", "p1.C10", "p2.C1", "p4.6"]
    assert read_claims(tmp_path / "elsewhere") == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"headline": {**example().headline.model_dump(), "mean": NAN}}, r"claim p1.C4, field headline.mean: .*finite"),
        ({"headline": {**example().headline.model_dump(), "values": [INFINITY]}}, r"field headline.values.0: .*finite"),
        ({"n": -1}, r"field n: "),
        ({"verdict": "mostly"}, r"field verdict: .*'not testable here'"),
        ({"colour": "red"}, r"field colour: Extra inputs"),
        ({"statement": ""}, r"field statement: "),
        ({"notebook": ""}, r"field notebook: "),
        ({"why": ""}, r"field why: "),
        ({"headline": {**example().headline.model_dump(), "name": ""}}, r"field headline.name: "),
        ({"unmeasured": [{"name": "", "why": "no judge"}]}, r"field unmeasured.0.name: "),
        ({"unmeasured": [{"name": "R2", "why": ""}]}, r"field unmeasured.0.why: "),
        ({"id": "p0.C4"}, r"claim id 'p0.C4' is not p<paper>.<claim>"),
        ({"headline": None}, r"without a measured headline the verdict is 'not testable here'"),
        ({"seeds": [0, 0, 1]}, r"seeds \[0, 0, 1\] repeat"),
    ],
)
def test_a_bad_field_is_one_line_that_names_it(changes: dict, message: str) -> None:
    with pytest.raises(CompanionError, match=message) as error:
        example(**changes)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "claim file p1.C4.json is not JSON"),
        ("[]", "claim file p1.C4.json does not hold claim p1.C4; run its notebook again"),
        ('{"id": "p1.C5"}', "does not hold claim p1.C4"),
        ('{"id": "p1.C4"}', "claim p1.C4, field statement: Field required"),
    ],
)
def test_a_damaged_file_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "p1.C4.json").write_text(text)
    with pytest.raises(CompanionError, match=message):
        read_claims(tmp_path)


def test_numbers_and_rules_in_words() -> None:
    claim = example()
    assert said_number(claim.headline) == "0.12 [0.0952, 0.145]" and said_rule(claim.headline) == "above 0.05"
    one = example(evidence(over_seeds([0.2]), [-0.2], seeds=[0]))
    assert said_number(one.headline) == "0.2 [one seed, no interval]" and one.verdict == "undecided"
    equal = one.headline.model_copy(update={"rule": "within", "margin": 1.02, "zero": 1.0})
    assert said_rule(equal) == "within 0.02 of 1"


def test_parts_and_numbers_are_everything_that_was_measured() -> None:
    claim = example()
    assert [one.name for one in claim.parts] == ["score", "R2"]
    names = ["score", "R2", "the truth as dictionary", "shuffled", "untrained"]
    assert [one.name for one in claim.numbers] == names
    assert Claim(**claim.model_dump()) == claim


def test_nothing_in_a_claim_is_changed_after_it_was_judged() -> None:
    claim = example(unmeasured=[{"name": "R2", "why": "no decoder"}], n=0)
    for thing in (claim, claim.headline, claim.unmeasured[0]):
        with pytest.raises(ValidationError, match="frozen"):
            thing.why = "because"  # type: ignore[union-attr]


def test_a_claim_is_made_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    assert example().n == 2000 and not recwarn.list
