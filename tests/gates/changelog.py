"""The changelog of verdicts, docs/verdicts.md: which verdict changed, when, and why.

After results have changed and `python -m tests.gates.tolerance PROFILE ...` has written the expected claims,

    python -m tests.gates.changelog "Five seeds in place of three" HEAD

adds a section on top: every cell of the scoreboard whose verdict is another one than at that revision, with what
decided the new one. A cell without a row in any section has had its verdict from the start.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

from lib.base.errors import CompanionError
from lib.base.files import ROOT, write_atomic
from lib.report.register import claim_order
from tests.gates.tolerance import expected_profiles

PAGE = ROOT / "docs" / "verdicts.md"
NEWEST = "<!-- newest first -->\n"
ROW = re.compile(r"^\| (?P<world>[\w-]+) \| (?P<id>p\d\.C?\d+) \| (?P<before>[\w ]+|–) \| (?P<after>[\w ]+|–) \|", re.M)
NONE = "–"
"""What stands for a cell that is not there."""


def verdicts_at(revision: str) -> dict[tuple[str, str], str]:
    """World and claim to verdict, of the expected claims committed at a revision."""
    listed = _git("ls-tree", "-r", "--name-only", revision, "tests/expected").split()
    found = {}
    for path in (path for path in listed if path.endswith(".json")):
        expected: dict[str, Any] = json.loads(_git("show", f"{revision}:{path}"))
        for id, claim in expected.get("claims", expected).items():
            found[path.split("/")[-1].removesuffix(".json"), id] = claim["verdict"]
    return found


def section(title: str, before: dict[tuple[str, str], str], expected: dict[str, dict[str, Any]]) -> str:
    """A section of the page: the cells whose verdicts differ from those before."""
    now = {(world, id): claim for world, claims in expected.items() for id, claim in claims.items()}
    rows = ["| world | claim | before | now | what decides now |", "|---|---|---|---|---|"]
    for cell in sorted(before.keys() | now.keys(), key=lambda cell: (cell[0], claim_order(cell[1]))):
        old, new = before.get(cell, NONE), now[cell]["verdict"] if cell in now else NONE
        if old != new:
            why = now[cell]["why"].replace("|", "\\|") if cell in now else "no longer measured in this world"
            rows.append(f"| {cell[0]} | {cell[1]} | {old} | {new} | {why} |")
    return f"## {title}\n\n" + "\n".join(rows) + "\n\n"


def latest(page: str) -> dict[tuple[str, str], str]:
    """The verdict that the page gives last (highest up) to each cell."""
    found: dict[tuple[str, str], str] = {}
    for row in ROW.finditer(page):
        found.setdefault((row["world"], row["id"]), row["after"])
    return found


def add(title: str, revision: str) -> None:
    """Put a section on top of the page."""
    page = PAGE.read_text(encoding="utf-8")
    if NEWEST not in page:
        raise CompanionError(f"{PAGE.name} has no line {NEWEST.strip()!r}; put it where the newest section belongs")
    made = section(title, verdicts_at(revision), expected_profiles())
    write_atomic(PAGE, page.replace(NEWEST, f"{NEWEST}\n{made.rstrip()}\n", 1))


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise CompanionError(f"git {' '.join(words[:2])}: {done.stderr.strip().splitlines()[0]}")
    return done.stdout


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit('usage: python -m tests.gates.changelog "TITLE" REVISION')
    try:
        add(*sys.argv[1:])
    except CompanionError as error:
        sys.exit(f"error: {error}")
