"""The page of trust says what the tests declare and what the long runs found."""

from __future__ import annotations

from lib.base.files import ROOT
from tests.trust.kill import CASES
from tests.trust.report import PAGE, generated, noted, with_tables
from tests.trust.works import WORKS


def test_the_committed_page_is_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert with_tables(text) == text
    assert all(f"<!-- generated: {name} -->" in text for name in generated())


def test_the_long_runs_were_those_of_today() -> None:
    found = {name: noted(f"kill-{name}") for name in CASES if noted(f"kill-{name}")}
    assert found
    for name, one in found.items():
        assert one["command"] == " ".join(CASES[name].command)
        assert all(each["equal"] and each["differing"] == [] for each in one["rounds"])
    assert {one["work"] for name in ("steps", "disk") for one in noted(name) or []} <= set(WORKS)


def test_every_file_that_the_page_links_is_there() -> None:
    links = [part.split(")")[0] for part in PAGE.read_text(encoding="utf-8").split("](")[1:]]
    assert links and [link for link in links if not (PAGE.parent / link).exists()] == []
    assert "](docs/trust.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
