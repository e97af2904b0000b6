from __future__ import annotations

import json
from pathlib import Path

import pytest

from lib.base.errors import CompanionError
from lib.report.claims import Claim, write_claim
from tests.report.examples import evidence, example
from tests.trust import machines


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The record of other runs, of a project whose one claim is the example."""
    monkeypatch.setattr(machines, "expected_profiles", lambda: {"scenes": {"p1.C4": example().model_dump()}})
    return tmp_path / "machines.json"


def note(record: Path, kind: str, claim: Claim) -> None:
    folder = record.parent / kind
    write_claim(claim, folder / "scenes")
    machines.record(kind, folder, record)


def test_an_equal_run_moves_nothing_and_every_run_is_kept(record: Path) -> None:
    note(record, "same", example())
    note(record, "other", example(evidence([0.12, 0.13, 0.14])))
    runs = json.loads(record.read_text())
    assert set(runs) == {"same", "other"}
    assert runs["other"]["scenes"]["p1.C4"]["means"]["score"] == pytest.approx(0.13)
    lines = machines.table(record).splitlines()
    assert lines[3] == "| same | scenes | 1 | 0.00 | p1.C4, untrained | 0 | 0 | 0 |"
    room = 2 * example().headline.redraw
    assert lines[2] == f"| other | scenes | 1 | {0.01 / room:.2f} | p1.C4, score | 0 | 0 | 0 |"
    assert lines[-1] == "Every claim has the same verdict in all runs."


def test_another_verdict_is_told_and_whether_it_was_near_its_margin(record: Path) -> None:
    note(record, "far", example(evidence([0.4, 0.5, 0.6]), verdict="partly"))
    lines = machines.table(record).splitlines()
    assert lines[2].endswith("| p1.C4, score | 1 | 1 | 0 |")
    assert lines[-1] == "| scenes | p1.C4 | reproduced | partly | no |"


def test_a_folder_without_known_claims_is_refused(record: Path) -> None:
    with pytest.raises(CompanionError, match="holds no claims of a known profile; give the folder of another run"):
        machines.record("x", record.parent / "nowhere", record)
    assert machines.table(record) == "Not run yet.\n"
