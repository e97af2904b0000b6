"""Sum up which lines of `lib/` the tests reach in `make coverage`, for `docs/trust.md`.

make coverage                    # pytest without the slow tests under coverage.py, subprocesses included
python -m tests.trust.covered    # the last part: sums up what was measured
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from coverage import Coverage
from coverage.exceptions import CoverageException

from tests.trust.common import note

LEAST = 10
"""Files that are named for being covered least."""

COUNTS = {"statements": "num_statements", "reached": "covered_lines", "branches": "num_branches"}
COUNTS |= {"taken": "covered_branches"}
"""Our words for coverage.py's counts; a branch is a jump from one line to one of two others."""


def measured() -> dict[str, Any]:
    """The JSON report of coverage.py on what was combined last."""
    with tempfile.TemporaryDirectory() as folder:
        coverage = Coverage()
        coverage.load()
        coverage.json_report(outfile=str(Path(folder) / "report.json"))
        return json.loads((Path(folder) / "report.json").read_text())


def summary(report: dict[str, Any]) -> dict[str, Any]:
    """Counts of every room of `lib/` and of all, and the files that are covered least."""
    files = {
        name: {word: entry["summary"][theirs] for word, theirs in COUNTS.items()}
        for name, entry in sorted(report["files"].items())
        if entry["summary"]["num_statements"]
    }
    rooms: dict[str, list[dict[str, int]]] = {}
    for name, counts in files.items():
        parts = Path(name).parts
        rooms.setdefault("/".join(parts[:2]) if len(parts) > 2 else parts[0], []).append(counts)
    least = sorted(files, key=lambda name: (share(files[name]), name))[:LEAST]
    return {
        "rooms": {room: added(counts) for room, counts in rooms.items()},
        "all": added(files.values()),
        "least": {name: files[name] for name in least},
    }


def added(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    """The sums, and the number of files."""
    every = list(counts)
    return {"files": len(every), **{word: sum(one[word] for one in every) for word in COUNTS}}


def share(counts: dict[str, int]) -> float:
    """Of statements and branches together, as coverage.py counts it."""
    return (counts["reached"] + counts["taken"]) / (counts["statements"] + counts["branches"])


def table(noted: dict[str, Any] | None) -> str:
    """Markdown: a row for each room, and a list of the files that are covered least."""
    if noted is None:
        return "Not run yet.\n"
    rows = ["| code | files | statements | reached | branches | taken | both |", "|---|--:|--:|--:|--:|--:|--:|"]
    for room, counts in [*noted["rooms"].items(), ("all", noted["all"])]:
        statements = f"{counts['statements']:,} | {counts['reached'] / counts['statements']:.1%}"
        taken = f"{counts['taken'] / counts['branches']:.1%}" if counts["branches"] else ""
        rows.append(
            f"| {room} | {counts['files']} | {statements} | {counts['branches']:,} | {taken} | {share(counts):.1%} |"
        )
    rows += ["", f"The {len(noted['least'])} files of which least is reached, statements and branches together:", ""]
    least = sorted(noted["least"].items(), key=lambda one: (share(one[1]), one[0]))
    rows += [f"- `{name}`: {share(counts):.0%} of {counts['statements']}" for name, counts in least]
    return "\n".join(rows) + "\n"


def main() -> None:
    """The entry of `python -m tests.trust.covered`."""
    try:
        report = measured()
    except CoverageException as error:
        sys.exit(f"error: {error}; `make coverage` measures")
    note("coverage", summary(report))


if __name__ == "__main__":
    main()
