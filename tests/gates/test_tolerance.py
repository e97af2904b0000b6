from __future__ import annotations

import subprocess

import pandas as pd
import pytest

from lib.data.errors import CompanionError
from lib.data.files import ROOT, write_json
from lib.report.claims import write_claim
from lib.report.tables import write_table
from lib.run.places import results_root
from tests.gates.tolerance import compare, expected_from, expected_profiles, update
from tests.report.examples import example

PROFILES = expected_profiles()


def test_the_default_profile_has_expected_values():
    assert "scenes" in PROFILES, "write them down: python -m tests.gates.tolerance scenes"


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_results_are_as_expected(profile):
    assert compare(results_root() / profile, PROFILES[profile]) == []


def test_every_committed_profile_is_checked():
    listed = subprocess.run(["git", "ls-files", "results"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout, so what is committed is not known")
    committed = {line.split("/")[1] for line in listed.stdout.splitlines() if "/claims/" in line}
    assert committed <= set(PROFILES), "write them down: python -m tests.gates.tolerance <profile>"


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results" / "scenes"
    write_claim(example(), folder)
    write_claim(example(id="p1.C5", claim="C5"), folder)
    write_table(pd.DataFrame({"model": ["raw", "TopK"], "ms": [0.03, None], "live": [64, 1000]}), folder / "ms.csv", 3)
    return folder


TOLERANCES = {
    "claims": {"p1.C4": {"spread": 0.03, "controls": {"raw": 0.001}}},
    "tables": {"ms.csv": {"model": None, "ms": 0.01, "live": 5}},
}


def test_unchanged_results_pass(results):
    assert compare(results, expected_from(results, TOLERANCES)) == []


def test_tolerances_come_from_the_file_or_the_claim(results):
    claims = expected_from(results, TOLERANCES)["claims"]
    assert claims["p1.C4"]["spread"]["tolerance"] == 0.03
    assert claims["p1.C5"]["spread"]["tolerance"] == 0.0346  # of one of three seeds
    controls = {id: {name: part["tolerance"] for name, part in claims[id]["controls"].items()} for id in claims}
    assert controls["p1.C4"] == {"raw": 0.001, "untrained SAE": 0.02}
    assert controls["p1.C5"] == {"raw": 0.02, "untrained SAE": 0.02}


def test_an_interval_has_the_tolerance_of_its_effect(tmp_path):
    write_claim(example(spread={"kind": "95 % interval", "values": [-0.13, -0.11]}), tmp_path)
    assert expected_from(tmp_path, {})["claims"]["p1.C4"]["spread"]["tolerance"] == 0.02


def test_a_tolerance_is_at_least_twice_what_any_other_run_moved(results):
    runs = [
        {"p1.C4": {"moved": {"effect": 0.03}}},
        {"p1.C4": {"moved": {"effect": 0.005, "control 'raw'": 0.0004, "control 'untrained SAE'": 0.02}}},
        {},
    ]
    expected, usual = expected_from(results, TOLERANCES, runs)["claims"], expected_from(results, TOLERANCES)["claims"]
    assert expected["p1.C4"]["play"] == 0.06
    assert {name: one["tolerance"] for name, one in expected["p1.C4"]["controls"].items()} == {
        "raw": 0.001,
        "untrained SAE": 0.04,
    }
    assert expected["p1.C4"]["spread"] == usual["p1.C4"]["spread"] and expected["p1.C5"] == usual["p1.C5"]


@pytest.mark.parametrize(("value", "play"), [(0.0, 0.02), (0.1, 0.02), (-0.3, 0.03), (5.0, 0.5)])
def test_default_play_of_a_control(tmp_path, value, play):
    write_claim(example(controls={"raw": value}), tmp_path)
    assert expected_from(tmp_path, {})["claims"]["p1.C4"]["controls"]["raw"]["tolerance"] == play


@pytest.mark.parametrize("move", [0.02, -0.02, 0.019])
def test_a_move_within_tolerance_passes(results, move):
    expected = expected_from(results, TOLERANCES)
    write_claim(example(effect=-0.12 + move), results)
    assert compare(results, expected) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"effect": -0.0999}, "p1.C4: effect is -0.0999, expected -0.12 within 0.02"),
        ({"verdict": "partly"}, "p1.C4: verdict is 'partly', expected 'reproduced'"),
        (
            {"controls": {"raw": 0.0325, "untrained SAE": 0.115}},
            "p1.C4: control 'raw' is 0.0325, expected 0.031",
        ),
        ({"controls": {"raw": 0.031}}, "p1.C4: control 'untrained SAE' is missing"),
        ({"controls": {"raw": 0.031, "untrained SAE": 0.115, "new": 1}}, "p1.C4: control 'new' is not expected"),
        ({"spread": {"kind": "none", "values": []}}, "p1.C4: spread is of another kind or length than 'per seed'"),
        ({"statement": "other words"}, "p1.C4: statement is 'other words'"),
        ({"tolerance": 10.0}, "p1.C4: tolerance is 10.0, expected 0.02"),
    ],
)
def test_a_changed_claim_is_one_line(results, changes, problem):
    expected = expected_from(results, TOLERANCES)
    write_claim(example(**changes), results)
    (found,) = compare(results, expected)
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({"verdict": "partly"}, ["verdict is 'partly', expected 'reproduced', though none of its numbers moved"]),
        ({"verdict": "partly", "effect": -0.119}, []),
        ({"verdict": "not reproduced", "effect": -0.119}, ["verdict is 'not reproduced', expected 'reproduced'"]),
        ({"verdict": "partly", "effect": -0.09}, ["effect is -0.09, expected -0.12 within 0.02"]),
    ],
)
def test_a_verdict_moves_by_one_step_and_only_with_its_numbers(results, changes, problems):
    expected = expected_from(results, TOLERANCES)
    write_claim(example(**changes), results)
    assert compare(results, expected) == [f"p1.C4: {problem}" for problem in problems]


def test_no_number_that_moved_makes_a_claim_untestable(results):
    write_claim(example(verdict="not reproduced"), results)
    expected = expected_from(results, TOLERANCES)
    fields = {"effect": None, "verdict": "not testable here", "seeds": [], "spread": {"kind": "none", "values": []}}
    write_claim(example(**fields), results)
    assert "p1.C4: verdict is 'not testable here', expected 'not reproduced'" in compare(results, expected)


def test_why_may_quote_other_numbers(results):
    expected = expected_from(results, TOLERANCES)
    write_claim(example(why="fell by 0.1198"), results)
    assert compare(results, expected) == []


def test_missing_extra_and_damaged_claims_are_told(results):
    expected = expected_from(results, TOLERANCES)
    path = results / "claims" / "p1.C5.json"
    text = path.read_text()
    path.unlink()
    write_claim(example(id="p1.C6", claim="C6"), results)
    assert compare(results, expected) == [
        "p1.C5: missing; its notebook did not write it",
        "p1.C6: not expected; write it down if it is meant",
    ]
    path.write_text(text.replace('"effect": -0.12', '"effect": NaN'))
    (problem,) = compare(results, expected)
    assert problem.startswith("claim p1.C5, field effect:")
    path.unlink()
    assert compare(results.parent / "nowhere", expected)[0] == "p1.C4: missing; its notebook did not write it"


def test_what_stops_being_testable_is_told(results):
    expected = expected_from(results, TOLERANCES)
    write_claim(example(effect=None, verdict="not testable here"), results)
    problems = compare(results, expected)
    assert "p1.C4: effect is None, expected -0.12" in problems


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("model,ms,live\nraw,0.039,64\nTopK,,1004\n", []),
        ("model,ms,live\nraw,0.041,64\nTopK,,1000\n", ["column 'ms', row 0 is 0.041, expected 0.03 within 0.01"]),
        ("model,ms,live\nraw,0.03,64\nTopK,0.2,1000\n", ["column 'ms', row 1 is 0.2, expected None"]),
        ("model,ms,live\nraw,,64\nTopK,,1000\n", ["column 'ms', row 0 is None, expected 0.03"]),
        ("model,ms,live\nraw,x,64\nTopK,,1000\n", ["column 'ms', row 0 is 'x', expected 0.03"]),
        ("model,ms,live\nrow,0.03,64\nTopK,,1006\n", ["column 'model', row 0 is 'row', expected 'raw'",
                                                      "column 'live', row 1 is 1006, expected 1000 within 5"]),
        ("model,ms,live\nraw,0.03,64\n", ["1 rows, expected 2"]),
        ("model,live\nraw,64\nTopK,1000\n", ["no column 'ms'"]),
        (None, ["missing; its notebook did not write it"]),
    ],
)  # fmt: skip
def test_tables_are_compared_column_by_column(results, text, problems):
    expected = expected_from(results, TOLERANCES)
    (results / "ms.csv").unlink()
    if text is not None:
        (results / "ms.csv").write_text(text)
    assert compare(results, expected) == [f"ms.csv: {problem}" for problem in problems]


@pytest.mark.parametrize(
    ("tolerances", "message"),
    [
        ({"claims": {"p1.C9": {}}}, "scenes: no claim p1.C9"),
        ({"claims": {"p1.C4": {"effect": 1}}}, r"claim p1\.C4: no such entry 'effect'"),
        ({"claims": {"p1.C4": {"controls": {"rew": 1}}}}, "no such entry 'rew'"),
        ({"tables": {"ms.csv": {"model": 0.1}}}, "column 'model' is text"),
        ({"tables": {"ms.csv": {"fvu": 0.1}}}, "no column 'fvu'"),
        ({"tables": {"fvu.csv": {"fvu": 0.1}}}, r"fvu\.csv: missing"),
    ],
)
def test_mistyped_tolerances_are_refused(results, tolerances, message):
    with pytest.raises(CompanionError, match=message):
        expected_from(results, tolerances)


def test_update_writes_what_compare_accepts(results, tmp_path):
    with pytest.raises(CompanionError, match="no claim at all"):
        expected_from(tmp_path, {})
    write_json(tmp_path / "tolerances.yaml", {"scenes": TOLERANCES})
    update("scenes", results.parent, tmp_path)
    assert compare(results, expected_profiles(tmp_path)["scenes"]) == []
    assert expected_profiles(tmp_path)["scenes"]["claims"]["p1.C4"]["controls"]["raw"]["tolerance"] == 0.001
