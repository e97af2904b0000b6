from __future__ import annotations

from pathlib import Path

import pytest

from lib.base.errors import CompanionError
from tests.gates import changelog
from tests.gates.changelog import latest, section
from tests.gates.tolerance import expected_profiles
from tests.report.examples import evidence, example

BEFORE = {("scenes", "p1.C4"): "partly", ("scenes", "p1.C5"): "reproduced", ("photos", "p1.C4"): "partly"}


def test_the_page_ends_with_the_verdicts_that_are_expected() -> None:
    told = latest(changelog.PAGE.read_text(encoding="utf-8"))
    now = {(world, id): one["verdict"] for world, claims in expected_profiles().items() for id, one in claims.items()}
    assert {cell: told[cell] for cell in told if told[cell] != "–"}.items() <= now.items()
    assert {cell for cell in told if told[cell] == "–"}.isdisjoint(now)


def test_a_section_has_the_cells_that_changed_and_why() -> None:
    expected = {"scenes": {"p1.C4": example().model_dump(), "p1.C5": example(id="p1.C5").model_dump()}}
    made = section("Because", BEFORE, expected)
    lines = made.splitlines()
    assert lines[0] == "## Because"
    assert lines[4] == "| photos | p1.C4 | partly | – | no longer measured in this world |"
    assert lines[5] == f"| scenes | p1.C4 | partly | reproduced | {example().why} |"
    assert len(lines) == 7 and latest(made) == {("photos", "p1.C4"): "–", ("scenes", "p1.C4"): "reproduced"}


def test_the_newest_section_counts() -> None:
    newer = section("Newer", {}, {"scenes": {"p1.C4": example(evidence("no judge")).model_dump()}})
    older = section("Older", {}, {"scenes": {"p1.C4": example().model_dump()}})
    assert latest(newer + older) == {("scenes", "p1.C4"): "not testable here"}


def test_a_section_is_added_on_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "verdicts.md"
    monkeypatch.setattr(changelog, "PAGE", page)
    monkeypatch.setattr(changelog, "verdicts_at", lambda revision: BEFORE)
    monkeypatch.setattr(changelog, "expected_profiles", lambda: {"scenes": {"p1.C4": example().model_dump()}})
    page.write_text("# Verdicts\n")
    with pytest.raises(CompanionError, match="has no line '<!-- newest first -->'"):
        changelog.add("New", "HEAD")
    page.write_text(f"# Verdicts\n\n{changelog.NEWEST}\n## Old\n")
    changelog.add("New", "HEAD")
    text = page.read_text()
    assert text.index("## New") < text.index("## Old") and text.count(changelog.NEWEST) == 1


def test_an_unknown_revision_is_one_line() -> None:
    with pytest.raises(CompanionError, match="git ls-tree -r: fatal: "):
        changelog.verdicts_at("no-such-revision")
