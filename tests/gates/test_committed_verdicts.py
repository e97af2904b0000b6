"""The notebook gate leaves verdicts to the tolerance gate; those that committed notebooks print are compared here.

With the expected claims, since `results/` may hold those of a run on another kind of processor.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from lib.base.cells import read_cells
from lib.base.files import ROOT
from lib.base.places import find_notebook
from lib.report.register import spec_of
from lib.report.scoreboard import scoreboard, scoreboard_text
from lib.run.parameters import read_parameters
from lib.worlds.profiles import known_profiles, load_profile
from tests.gates.tolerance import expected_profiles, write_expected

PROFILES = expected_profiles()
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LINE = re.compile(r"^(p\d\.C?\d+)(?: \((\w+)\))? · (.+?) · (.+)$", re.MULTILINE)
"""Claim, column if it is not the notebook's own world, verdict, statement."""


def printed(path: Path) -> str:
    """What a committed notebook's cells print."""
    cells = nbformat.read(path, as_version=4).cells
    outputs = [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]
    return "".join(output.text for output in outputs if output.output_type == "stream")


def profile_of(path: Path) -> str:
    """The profile that a committed notebook was run in."""
    return load_profile(read_parameters(read_cells(path), path.stem)["profile"].default).name


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if LINE.search(printed(path))], ids=lambda path: path.stem)
def test_verdicts_that_a_notebook_prints_are_those_of_its_claims(path: Path) -> None:
    lines = LINE.findall(printed(path))
    claims = [PROFILES[column or profile_of(path)][id] for id, column, *_ in lines]
    assert [line[2:] for line in lines] == [(claim["verdict"], claim["statement"]) for claim in claims]


def test_every_claim_is_printed_by_its_notebook() -> None:
    own = {path: profile_of(path) for path in NOTEBOOKS}
    shown = {path: {(id, column or own[path]) for id, column, *_ in LINE.findall(printed(path))} for path in NOTEBOOKS}
    for profile, claims in PROFILES.items():
        for id, claim in claims.items():
            path = find_notebook(claim["notebook"][:2])
            if own[path] == profile or profile not in known_profiles():
                assert (id, profile) in shown[path], f"{id} of {profile} in {path.name}"
    assert set(own.values()) & set(PROFILES)


def test_the_scoreboard_that_is_printed_is_that_of_the_claims(tmp_path: Path) -> None:
    write_expected(tmp_path)
    assert scoreboard_text(scoreboard(tmp_path)) in printed(find_notebook("90"))


def test_the_scoreboard_page_has_the_statements_of_the_registers_and_the_verdicts_of_the_claims() -> None:
    lines = (ROOT / "docs" / "scoreboard.md").read_text().splitlines()
    rows, worlds = set(), list[str]()
    for line in lines:
        cells = line.removeprefix("| ").removesuffix(" |").split(" | ")
        if cells[0] == "claim":
            worlds = cells[2:-1]
        if not re.match(r"\| p\d\.", line):
            continue
        id, statement, *verdicts, so = cells
        spec = spec_of(id)
        assert (statement, so) == (spec.statement, spec.so)
        expected = [PROFILES[world][id]["verdict"] if id in PROFILES[world] else "–" for world in worlds]
        assert [cell.split(" (")[0] for cell in verdicts] == expected, id
        rows |= {(id, world) for world, verdict in zip(worlds, verdicts, strict=True) if verdict != "–"}
    assert rows == {(id, world) for world, claims in PROFILES.items() for id in claims}


FINDING = re.compile(r"\[(p\d\.C?\d+): ([a-z ]+) on ([\w-]+)\]\((notebooks/\w+\.ipynb)\)")
"""A link of the README: claim, verdict, world, notebook."""


def test_what_the_readme_says_was_found_is_what_the_claims_say() -> None:
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    found = FINDING.findall(text)
    assert len(found) >= 5 and text.count("](notebooks/", text.index("**What was found**"), text.index("## ")) == len(
        found
    )
    for id, verdict, world, notebook in found:
        claim = PROFILES[world][id]
        assert (verdict, Path(notebook).stem[:2]) == (claim["verdict"], claim["notebook"][:2]), f"{id} on {world}"
