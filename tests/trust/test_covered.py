from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lib.base.files import ROOT
from tests.test_house import ROOMS
from tests.trust import covered
from tests.trust.report import noted


def entry(statements: int, reached: int, branches: int = 0, taken: int = 0) -> dict[str, Any]:
    counts = {"num_statements": statements, "covered_lines": reached, "num_branches": branches}
    return {"summary": {**counts, "covered_branches": taken}}


REPORT = {
    "files": {
        "lib/sae/a.py": entry(8, 6, 2, 1),
        "lib/sae/deep/b.py": entry(10, 10),
        "lib/sae/__init__.py": entry(0, 0),
        "lib/run/c.py": entry(4, 1),
        "lib/__main__.py": entry(2, 2),
    }
}


def test_the_summary_adds_up_rooms_and_names_the_least_covered_files() -> None:
    found = covered.summary(REPORT)
    assert found["rooms"] == {
        "lib": {"files": 1, "statements": 2, "reached": 2, "branches": 0, "taken": 0},
        "lib/run": {"files": 1, "statements": 4, "reached": 1, "branches": 0, "taken": 0},
        "lib/sae": {"files": 2, "statements": 18, "reached": 16, "branches": 2, "taken": 1},
    }
    assert found["all"] == {"files": 4, "statements": 24, "reached": 19, "branches": 2, "taken": 1}
    assert list(found["least"]) == ["lib/run/c.py", "lib/sae/a.py", "lib/__main__.py", "lib/sae/deep/b.py"]


def test_the_table_has_shares_of_statements_branches_and_both() -> None:
    lines = covered.table(covered.summary(REPORT)).splitlines()
    assert "| lib/sae | 2 | 18 | 88.9% | 2 | 50.0% | 85.0% |" in lines
    assert "| lib/run | 1 | 4 | 25.0% | 0 |  | 25.0% |" in lines
    assert lines.index("- `lib/run/c.py`: 25% of 4") < lines.index("- `lib/sae/a.py`: 70% of 8")
    assert covered.table(None) == "Not run yet.\n"


def test_without_a_measurement_the_command_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"error: No data.*; `make coverage` measures"):
        covered.main()


def test_the_committed_figures_name_every_room_and_files_that_are_there() -> None:
    figures = noted("coverage")
    assert set(figures["rooms"]) == {"lib", *(f"lib/{room}" for room in ROOMS)}
    for word, total in figures["all"].items():
        assert total == sum(room[word] for room in figures["rooms"].values())
    assert [name for name in figures["least"] if not (ROOT / name).is_file()] == []
    assert covered.share(figures["all"]) >= 0.85
