"""The parts of README.md and `docs/` that a command writes: the scoreboard, its totals, and the table of notebooks."""

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
"""What stands for the running time of a notebook that was never run."""


def write_readme(pages: Mapping[str, Path] = PAGES) -> list[str]:
    """Write every generated part anew, into the page that has it; returns the names of those that changed."""
    changed = []
    for name, path in pages.items():
        before = path.read_text(encoding="utf-8")
        text = replaced(before, name, generated(name, before))
        if text != before:
            write_atomic(path, text)
            changed.append(name)
    return changed


def generated(name: str, page: str) -> str:
    """A part as Markdown, for a page that has it from an earlier run or not."""
    if name == "notebooks":
        return notebook_table(page)
    board = scoreboard(results_root())
    return scoreboard_markdown(board) if name == "scoreboard" else "".join(f"- {line}\n" for line in totals(board))


def replaced(text: str, name: str, part: str) -> str:
    """The text with what stands between the marks of a part exchanged for `part`."""
    begin, end = f"<!-- generated: {name} -->\n", "<!-- end -->"
    if begin not in text:
        raise CompanionError(f"the page has no mark {begin.strip()!r}; put it and {end!r} where the part belongs")
    return re.sub(f"({re.escape(begin)}).*?({re.escape(end)})", lambda m: m[1] + part + m[2], text, flags=re.DOTALL)


def notebook_table(page: str) -> str:
    """One row per notebook for a page of `docs/`: its title with a link, its claim, and how long its last run took."""
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
    """Seconds of the last run of a notebook, as `last_seconds` finds them, for the table."""
    seconds = last_seconds(name, page)
    return UNKNOWN if seconds is None else f"{seconds:.0f} s"
