import pytest

from lib.data.errors import CompanionError
from lib.report.claims import write_claim
from tests.gates.tolerance import compare, expected_from
from tests.report.examples import example
from tests.trust import machines


@pytest.fixture
def expected(tmp_path):
    write_claim(example(), tmp_path / "here" / "scenes")
    return expected_from(tmp_path / "here" / "scenes", {})


def test_an_equal_run_moves_nothing(tmp_path, expected):
    (found,) = machines.compare(tmp_path / "here" / "scenes", expected).values()
    assert set(found["moved"].values()) == {0.0} and found["verdict"] == example().verdict


def another(tmp_path, **changes):
    """The folder of a run in which the claim is another."""
    write_claim(example(**changes), tmp_path / "there" / "scenes")
    return tmp_path / "there"


def test_every_number_that_moved_is_told_with_its_distance(tmp_path, expected):
    claim = example()
    name = next(iter(claim.controls))
    controls = {**claim.controls, name: claim.controls[name] + 0.25}
    there = another(tmp_path, effect=claim.effect - 0.125, controls=controls, verdict="not reproduced")
    (found,) = machines.compare(there / "scenes", expected).values()
    moved = {key: far for key, far in found["moved"].items() if far}
    assert moved == pytest.approx({"effect": 0.125, f"control {name!r}": 0.25})
    assert found["verdict"] == "not reproduced"


def test_what_another_machine_does_is_given_room(tmp_path, expected):
    claim = example()
    there = another(tmp_path, effect=claim.effect + 2 * claim.tolerance, verdict="partly")
    assert len(compare(there / "scenes", expected)) == 1
    run = machines.compare(there / "scenes", expected)
    wider = expected_from(tmp_path / "here" / "scenes", {}, [run])
    assert compare(there / "scenes", wider) == compare(tmp_path / "here" / "scenes", wider) == []
    assert wider["claims"][claim.id]["play"] == pytest.approx(4 * claim.tolerance)
    beyond = another(tmp_path, effect=claim.effect + 4.1 * claim.tolerance, verdict="partly")
    assert len(compare(beyond / "scenes", wider)) == 1


def test_a_folder_without_claims_is_refused(tmp_path):
    with pytest.raises(CompanionError, match="holds no claims"):
        machines.record("other", tmp_path, tmp_path / "record.json")


def test_without_a_record_the_page_says_so(tmp_path):
    assert machines.table(tmp_path / "record.json") == "Not run yet.\n"


def test_the_record_becomes_a_table(tmp_path, monkeypatch, expected):
    monkeypatch.setattr(machines, "expected_profiles", lambda: {"scenes": expected})
    claim = example()
    there = another(tmp_path, effect=claim.effect + claim.tolerance / 4, verdict="partly")
    machines.record("AVX2", there, tmp_path / "record.json")
    table = machines.table(tmp_path / "record.json")
    assert f"| AVX2 | scenes | 1 | 0.25 | {claim.id}, effect | 0 | 1 |" in table
    assert f"| scenes | {claim.id} | {claim.verdict} | partly |" in table
    machines.record("AVX2", another(tmp_path), tmp_path / "record.json")
    assert "Every claim has the same verdict in all runs." in machines.table(tmp_path / "record.json")
