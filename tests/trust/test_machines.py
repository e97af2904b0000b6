import pytest

from lib.data.errors import CompanionError
from lib.report.claims import write_claim
from tests.gates.tolerance import expected_from
from tests.report.examples import example
from tests.trust import machines


@pytest.fixture
def expected(tmp_path):
    write_claim(example(), tmp_path / "here" / "scenes")
    return expected_from(tmp_path / "here" / "scenes", {})


def test_an_equal_run_is_at_no_distance(tmp_path, expected):
    (found,) = machines.compare(tmp_path / "here" / "scenes", expected).values()
    assert found == {"what": found["what"], "share": 0.0, "verdicts": []}


def test_the_largest_difference_is_named_as_a_share_of_its_own_tolerance(tmp_path, expected):
    claim = example()
    name = next(iter(claim.controls))
    play = expected["claims"][claim.id]["controls"][name]["tolerance"]
    moved = claim.model_copy(
        update={
            "effect": claim.effect + claim.tolerance / 4,
            "controls": {**claim.controls, name: claim.controls[name] + play / 2},
            "verdict": "not reproduced",
        }
    )
    write_claim(moved, tmp_path / "there" / "scenes")
    (found,) = machines.compare(tmp_path / "there" / "scenes", expected).values()
    assert found["what"] == name
    assert found["share"] == pytest.approx(0.5, abs=1e-3)
    assert found["verdicts"] == [claim.verdict, "not reproduced"]


def test_a_folder_without_claims_is_refused(tmp_path):
    with pytest.raises(CompanionError, match="holds no claims"):
        machines.record("other", tmp_path, tmp_path / "record.json")


def test_without_a_record_the_page_says_so(tmp_path):
    assert machines.table(tmp_path / "record.json") == "Not run yet.\n"


def test_the_record_becomes_a_table(tmp_path, monkeypatch, expected):
    monkeypatch.setattr(machines, "expected_profiles", lambda: {"scenes": expected})
    machines.record("AVX2", tmp_path / "here", tmp_path / "record.json")
    assert "| AVX2 | scenes | 1 | 0.00 |" in machines.table(tmp_path / "record.json")
