"""The parts of README.md that a command writes: the scoreboard and the table of notebooks."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

from lib.data.errors import CompanionError
from lib.data.files import ROOT, write_atomic
from lib.report.scoreboard import scoreboard, scoreboard_markdown
from lib.run.places import NOTEBOOKS, results_root
from lib.run.runner import read_notebook

README = ROOT / "README.md"
UNKNOWN = "–"
"""What stands for the running time of a notebook that was never run."""


def write_readme(path: Path = README) -> list[str]:
    """Write every generated part anew; the names of those that changed."""
    text = before = path.read_text(encoding="utf-8")
    changed = []
    for name, part in generated(before).items():
        text, old = replaced(text, name, part), text
        changed += [name] if text != old else []
    if text != before:
        write_atomic(path, text)
    return changed


def generated(page: str) -> dict[str, str]:
    """The parts by name, as Markdown, for a page that has them from an earlier run or not."""
    return {"scoreboard": scoreboard_markdown(scoreboard(results_root())), "notebooks": notebook_table(page)}


def replaced(text: str, name: str, part: str) -> str:
    """The text with what stands between the marks of a part exchanged for `part`."""
    begin, end = f"<!-- generated: {name} -->\n", "<!-- end -->"
    if begin not in text:
        raise CompanionError(f"the README has no mark {begin.strip()!r}; put it and {end!r} where the part belongs")
    return re.sub(f"({re.escape(begin)}).*?({re.escape(end)})", lambda m: m[1] + part + m[2], text, flags=re.DOTALL)


def notebook_table(page: str) -> str:
    """One row a notebook: its title with a link, its claim, and how long its last run took."""
    rows = ["| notebook | what it argues | last run |", "|---|---|--:|"]
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        head = read_notebook(path).cells[0].source
        title = head.splitlines()[0].removeprefix("# ")
        claim = re.search(r"\*\*Claim\*\*: (.*?)\.?\s*\*\*Running time\*\*", head, flags=re.DOTALL)
        if claim is None:
            raise CompanionError(f"notebook {path.name} does not open with its claim and running time; write both")
        about = re.sub(r"^none( of its own)?; ", "", " ".join(claim[1].split()))
        rows.append(f"| [{title}](notebooks/{path.name}) | {about} | {duration(path.name, page)} |")
    return "\n".join(rows) + "\n"


def duration(name: str, page: str) -> str:
    """Seconds of the last run of a notebook on this machine, whatever the profile; without one, what the page says."""
    runs = sorted(results_root().glob(f"*/notebooks/{name}"), key=lambda path: path.stat().st_mtime)
    if runs:
        return f"{nbformat.read(runs[-1], 4).metadata.papermill.duration:.0f} s"
    told = re.search(rf"\(notebooks/{re.escape(name)}\).* \| (.+) \|$", page, flags=re.MULTILINE)
    return told[1] if told else UNKNOWN
