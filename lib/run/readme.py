"""Write the generated parts of README.md and `docs/`: the scoreboard, its totals, and the table of notebooks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from lib.base.cells import read_cells
from lib.base.errors import CompanionError
from lib.base.files import ROOT, write_atomic
from lib.base.places import NOTEBOOKS, results_root
from lib.report.scoreboard import scoreboard, scoreboard_markdown, totals
from lib.run.durations import NOTEBOOKS_PAGE, last_seconds

PAGES = {
    "totals": ROOT / "README.md",
    "scoreboard": ROOT / "docs" / "scoreboard.md",
    "notebooks": NOTEBOOKS_PAGE,
}
"""The page that each generated part belongs to."""

UNKNOWN = "–"
"""Shown as the running time of a notebook that was never run."""


def write_readme(pages: Mapping[str, Path] = PAGES) -> list[str]:
    """Write every generated part into its page, and return the names of those that changed."""
    changed = []
    for name, path in pages.items():
        before = path.read_text(encoding="utf-8")
        text = replaced(before, name, generated(name, before))
        if text != before:
            write_atomic(path, text)
            changed.append(name)
    return changed


def generated(name: str, page: str) -> str:
    """Make a part as Markdown; `page` is the present text of its page, which may hold times of earlier runs."""
    if name == "notebooks":
        return notebook_table(page)
    board = scoreboard(results_root())
    return scoreboard_markdown(board) if name == "scoreboard" else "".join(f"- {line}\n" for line in totals(board))


def replaced(text: str, name: str, part: str) -> str:
    """Replace the text between the marks of a part by `part`."""
    begin, end = f"<!-- generated: {name} -->\n", "<!-- end -->"
    if begin not in text:
        raise CompanionError(f"the page has no mark {begin.strip()!r}; put it and {end!r} where the part belongs")
    return re.sub(f"({re.escape(begin)}).*?({re.escape(end)})", lambda m: m[1] + part + m[2], text, flags=re.DOTALL)


def notebook_table(page: str) -> str:
    """Make a table for a page of `docs/`, one row per notebook: title with a link, claim, and time of the last run."""
    rows = ["| notebook | what it argues | last run |", "|---|---|--:|"]
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        head = read_cells(path)[0].source
        title = head.splitlines()[0].removeprefix("# ")
        claim = re.search(r"\*\*Claim\*\*: (.*?)\.?\s*\*\*Running time\*\*", head, flags=re.DOTALL)
        if claim is None:
            raise CompanionError(f"notebook {path.name} does not open with its claim and running time; write both")
        about = re.sub(r"^none( of its own)?; ", "", " ".join(claim[1].split()))
        rows.append(f"| [{title}](../notebooks/{path.name}) | {about} | {duration(path.name, page)} |")
    return "\n".join(rows) + "\n"


def duration(name: str, page: str) -> str:
    """Format the seconds of a notebook's last run, as `last_seconds` finds them, for the table."""
    seconds = last_seconds(name, page)
    return UNKNOWN if seconds is None else f"{seconds:.0f} s"
