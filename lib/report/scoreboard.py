"""The scoreboard: every claim, its verdict in every world."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pandas as pd

from lib.data.errors import CompanionError
from lib.report.claims import claim_order, read_claims
from lib.report.verdicts import Verdict

ABSENT = ""
"""What a cell holds where a claim was not run in a world."""


def scoreboard(results_root: Path) -> pd.DataFrame:
    """Claims by verdicts, from `<results_root>/<profile>/claims/*.json`.

    Index: claim ids by paper and number. Columns: `statement`, then one a profile in alphabetical order.
    """
    verdicts: dict[str, dict[str, str]] = {}
    statements: dict[str, str] = {}
    for folder in sorted(path.parent for path in results_root.glob("*/claims")):
        for claim in read_claims(folder):
            verdicts.setdefault(folder.name, {})[claim.id] = claim.verdict
            statements.setdefault(claim.id, claim.statement)
    if not statements:
        raise CompanionError(f"no claims under {results_root}; run `make reproduce` first")
    ids = sorted(statements, key=claim_order)
    columns = {profile: [found.get(id, ABSENT) for id in ids] for profile, found in verdicts.items()}
    return pd.DataFrame({"statement": [statements[id] for id in ids], **columns}, index=pd.Index(ids, name="claim"))


def totals(board: pd.DataFrame) -> list[str]:
    """One line a profile: `scenes: 7 reproduced, 1 partly, 2 not reproduced, 0 not testable here`."""
    counts = {profile: board[profile].value_counts() for profile in board.columns[1:]}
    return [
        f"{profile}: " + ", ".join(f"{count.get(verdict, 0)} {verdict}" for verdict in get_args(Verdict))
        for profile, count in counts.items()
    ]


def scoreboard_text(board: pd.DataFrame) -> str:
    """For a terminal or a notebook: one line a claim, its verdict in every profile, its statement; then the totals."""
    profiles = list(board.columns[1:])
    rows = [["claim", *profiles, "statement"]]
    rows += [[str(id), *row[profiles], row["statement"]] for id, row in board.iterrows()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(profiles) + 1)]
    padded = [[cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=True)] for row in rows]
    lines = ["  ".join([*cells, row[-1]]) for cells, row in zip(padded, rows, strict=True)]
    return "\n".join([*lines, "", *totals(board)])


def scoreboard_markdown(board: pd.DataFrame) -> str:
    """For a README: a Markdown table and the totals."""
    profiles = list(board.columns[1:])
    header = ["claim", "statement", *profiles]
    rows = [header, ["---"] * len(header)]
    for id, row in board.iterrows():
        rows.append([str(id), row["statement"], *(row[profile] or "–" for profile in profiles)])
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([*lines, "", *(f"{line}  " for line in totals(board))]) + "\n"
