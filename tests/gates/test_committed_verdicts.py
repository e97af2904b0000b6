"""The notebook gate leaves verdicts to the tolerance gate; those that committed notebooks print are compared here.

With the expected claims, since `results/` may hold those of a run on another kind of processor.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from lib.data.files import ROOT
from lib.report.scoreboard import scoreboard, scoreboard_text
from lib.run.parameters import read_parameters
from lib.run.places import find_notebook
from lib.run.profiles import load_profile
from tests.gates.tolerance import expected_profiles, runs_elsewhere, write_expected

PROFILES = expected_profiles()
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LINE = re.compile(r"^(p\d\.C?\d+) · (.+?) · (.+)$", re.MULTILINE)


def printed(path: Path) -> str:
    """What a committed notebook's cells print."""
    cells = nbformat.read(path, as_version=4).cells
    outputs = [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]
    return "".join(output.text for output in outputs if output.output_type == "stream")


def profile_of(path: Path) -> str:
    """The profile that a committed notebook was run in."""
    return load_profile(read_parameters(nbformat.read(path, as_version=4), path.stem)["profile"].default).name


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if LINE.search(printed(path))], ids=lambda path: path.stem)
def test_verdicts_that_a_notebook_prints_are_those_of_its_claims(path: Path) -> None:
    claims = PROFILES[profile_of(path)]["claims"]
    lines = LINE.findall(printed(path))
    assert lines == [(id, claims[id]["verdict"], claims[id]["statement"]) for id, *_ in lines]


def test_every_claim_is_printed_by_its_notebook() -> None:
    for profile in {profile_of(path) for path in NOTEBOOKS} & set(PROFILES):
        for id, claim in PROFILES[profile]["claims"].items():
            path = find_notebook(claim["notebook"][:2])
            if profile_of(path) == profile:
                assert id in {found for found, *_ in LINE.findall(printed(path))}, f"{id} in {path.name}"


def test_the_scoreboard_that_is_printed_is_that_of_the_claims(tmp_path: Path) -> None:
    write_expected(tmp_path)
    assert scoreboard_text(scoreboard(tmp_path)) in printed(find_notebook("90"))


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_verdict_that_another_processor_changed_is_told_in_its_notebook(profile: str) -> None:
    wanted = PROFILES[profile]["claims"]
    changed = {
        id for run in runs_elsewhere(profile) for id, one in run.items() if one["verdict"] != wanted[id]["verdict"]
    }
    for id in changed:
        path = find_notebook(wanted[id]["notebook"][:2])
        cells = nbformat.read(path, as_version=4).cells
        notes = [cell.source for cell in cells if cell.cell_type == "markdown" and "Near its margin" in cell.source]
        name = id.split(".")[1]
        number = name if name.startswith("C") else f"claim {name}"
        assert any(re.search(rf"\b{number}\b", note) and "trust.md" in note for note in notes), f"{id} in {path.name}"
