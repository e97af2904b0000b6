from __future__ import annotations

import re
from pathlib import Path

import pytest

from lib.base.errors import CompanionError
from lib.run import readme
from tests.gates.tolerance import write_expected


def without_times(text: str) -> str:
    """Running times are of the machine that wrote the page."""
    return re.sub(r"\| [^|\n]*\|\n", "|\n", text)


def test_the_committed_pages_are_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_expected(tmp_path)
    monkeypatch.setenv("COMPANION_RESULTS", str(tmp_path))  # `results/` may hold a run on another kind of processor
    for name, path in readme.PAGES.items():
        text = path.read_text(encoding="utf-8")
        found = re.search(f"<!-- generated: {name} -->\n(.*?)<!-- end -->", text, flags=re.DOTALL)
        assert found is not None, name
        hide = without_times if name == "notebooks" else str
        assert hide(found[1]) == hide(readme.generated(name, text)), f"{name}: run `python -m lib readme`"


def test_a_part_is_exchanged_and_nothing_else():
    text = "a\n<!-- generated: x -->\nold\n<!-- end -->\nb\n<!-- generated: y -->\nkept\n<!-- end -->\n"
    wanted = text.replace("old", r"new \1 | line")
    assert readme.replaced(text, "x", "new \\1 | line\n") == wanted
    assert readme.replaced(wanted, "x", "new \\1 | line\n") == wanted


def test_a_missing_mark_is_named():
    with pytest.raises(CompanionError, match="the page has no mark '<!-- generated: x -->'; put it and"):
        readme.replaced("text", "x", "part")


def test_a_second_writing_changes_nothing(tmp_path: Path):
    pages = {name: tmp_path / f"{name}.md" for name in readme.PAGES}
    for name, path in pages.items():
        path.write_text(f"<!-- generated: {name} -->\n<!-- end -->\n")
    assert readme.write_readme(pages) == list(pages)
    assert readme.write_readme(pages) == []


def test_a_notebook_that_was_not_run_here_keeps_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COMPANION_RESULTS", str(tmp_path))
    page = "| [9](../notebooks/09_a.ipynb) | a | b | 5 s |\n| [10](../notebooks/10_b.ipynb) | c | 12 s |\n"
    assert [readme.duration(name, page) for name in ("09_a.ipynb", "10_b.ipynb")] == ["5 s", "12 s"]
    assert readme.duration("11_c.ipynb", page) == readme.UNKNOWN
