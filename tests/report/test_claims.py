from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.data.errors import CompanionError
from lib.report.claims import Claim, claim_order, claim_over_seeds, read_claims, write_claim
from tests.report.examples import FIELDS, example

NAN, INFINITY = float("nan"), float("inf")


def test_a_claim_survives_the_disk_and_rewriting_changes_no_byte(tmp_path):
    path = write_claim(example(), tmp_path)
    before = path.read_bytes()
    assert path == tmp_path / "claims" / "p1.C4.json"
    assert read_claims(tmp_path) == [example()]
    write_claim(read_claims(tmp_path)[0], tmp_path)
    assert path.read_bytes() == before
    assert set(json.loads(before)) == set(FIELDS)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_six_significant_digits(tmp_path_factory, value):
    folder = tmp_path_factory.mktemp("claims")
    fields = json.loads(write_claim(example(effect=value, controls={"raw": value}), folder).read_text())
    assert fields["effect"] == fields["controls"]["raw"] == float(f"{value:.6g}")


def test_claims_come_by_paper_and_number(tmp_path):
    for paper, claim in ((4, "6"), (1, "C10"), (1, "C2"), (2, "C1")):
        write_claim(example(id=f"p{paper}.{claim}", paper=paper, claim=claim), tmp_path)
    assert [claim.id for claim in read_claims(tmp_path)] == ["p1.C2", "p1.C10", "p2.C1", "p4.6"]
    assert read_claims(tmp_path / "elsewhere") == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"effect": NAN}, r"claim p1.C4, field effect: .*finite"),
        ({"effect": INFINITY}, r"claim p1.C4, field effect: .*finite"),
        ({"controls": {"raw": NAN}}, r"claim p1.C4, field controls.raw: .*finite"),
        ({"spread": {"kind": "per seed", "values": [0.1, NAN, 0.2]}}, r"field spread.values.1: .*finite"),
        ({"tolerance": -0.1}, r"field tolerance: .*greater than or equal to 0"),
        ({"tolerance": NAN}, r"field tolerance: "),
        ({"n": 0}, r"field n: "),
        ({"verdict": "mostly"}, r"field verdict: .*'not testable here'"),
        ({"expected": "better"}, r"field expected: "),
        ({"colour": "red"}, r"field colour: Extra inputs"),
        ({"statement": ""}, r"field statement: "),
        ({"id": "p1.C5"}, r"claim p1.C5: id must be p<paper>.<claim>, here p1.C4"),
        ({"id": "p9.C4", "paper": 9}, r"claim p9.C4: id must be"),
        ({"effect": None}, r"effect is None exactly where"),
        ({"verdict": "not testable here"}, r"effect is None exactly where"),
        ({"seeds": [0, 1]}, r"spread 'per seed' needs 2 values, not 3"),
        ({"spread": {"kind": "95 % interval", "values": [0.1]}}, r"needs 2 values"),
        ({"spread": {"kind": "none", "values": [0.1]}}, r"needs 0 values"),
        ({"seeds": [0, 1, 1]}, r"seeds \[0, 1, 1\] repeat"),
    ],
)
def test_bad_fields_are_one_line_that_names_claim_and_field(changes, message):
    with pytest.raises(CompanionError, match=message) as caught:
        example(**changes)
    assert "\n" not in str(caught.value)


def test_a_missing_field_is_named():
    fields = {name: value for name, value in FIELDS.items() if name != "why"}
    with pytest.raises(CompanionError, match=r"claim p1.C4, field why: Field required"):
        Claim(**fields)


def test_what_cannot_be_tested_has_no_effect():
    claim = example(effect=None, verdict="not testable here", seeds=[], spread={"kind": "none", "values": []})
    assert claim.effect is None


def test_claim_over_seeds_averages_and_judges():
    rest = {name: FIELDS[name] for name in ("statement", "expected", "metric", "n", "why", "tolerance", "notebook")}
    effects = {0: np.float32(0.5), 7: np.float64(0.25)}
    claim = claim_over_seeds("p4.6", effects, [True, True], controls={"raw": np.float32(0.5)}, **rest)
    assert (claim.paper, claim.claim, claim.effect, claim.seeds) == (4, "6", 0.375, [0, 7])
    assert (claim.spread.values, claim.controls, claim.verdict) == ([0.5, 0.25], {"raw": 0.5}, "reproduced")
    parts = claim_over_seeds("p4.6", effects, [True, True], controls={}, verdict="partly", **rest)
    assert parts.verdict == "partly"


@pytest.mark.parametrize("holds", [[], [True]])
def test_claim_over_seeds_wants_an_answer_a_seed(holds):
    with pytest.raises(CompanionError, match="give one of each a seed"):
        claim_over_seeds("p1.C4", {} if not holds else {0: 1.0, 1: 1.0}, holds, controls={})


def test_claim_over_seeds_refuses_nan_and_bad_ids():
    rest = {name: FIELDS[name] for name in ("statement", "expected", "metric", "n", "why", "tolerance", "notebook")}
    with pytest.raises(CompanionError, match="field effect"):
        claim_over_seeds("p1.C4", {0: NAN}, [True], controls={}, **rest)
    with pytest.raises(CompanionError, match="id must be"):
        claim_over_seeds("C4", {0: 1.0}, [True], controls={}, **rest)


def test_damaged_files_are_named(tmp_path):
    path = write_claim(example(), tmp_path)
    path.rename(path.with_name("p1.C5.json"))
    with pytest.raises(CompanionError, match=r"p1\.C5\.json does not hold claim p1.C5"):
        read_claims(tmp_path)
    (tmp_path / "claims" / "p1.C5.json").write_text("{")
    with pytest.raises(CompanionError, match=r"p1.C5.json is not JSON"):
        read_claims(tmp_path)


def test_claim_order_refuses_other_names():
    with pytest.raises(CompanionError, match=r"as in p1.C3"):
        claim_order("C3")
