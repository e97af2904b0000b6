"""The scoreboard: every claim and its verdict in every world, as a table, in Markdown and as text."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lib.base.errors import CompanionError
from lib.report.claims import Claim, read_claims
from lib.report.published_models import model_sentence
from lib.report.register import claim_order, registered
from lib.report.verdicts import VERDICTS

ABSENT = ""
"""The content of a cell where a claim was not run in a world."""


def committed_claims(results_root: Path) -> dict[str, dict[str, Claim]]:
    """Read claims by world (a folder under `results_root` with claims, in alphabetical order) and id."""
    found = {folder.parent.name: read_claims(folder.parent) for folder in sorted(results_root.glob("*/claims"))}
    if not any(found.values()):
        raise CompanionError(f"no claims under {results_root}; run `make reproduce` first")
    return {world: {claim.id: claim for claim in claims} for world, claims in found.items()}


def cell(claim: Claim | None) -> str:
    """Write a verdict, with the number of parts that hold where some do not: `partly (2 of 3)`."""
    if claim is None:
        return ABSENT
    held = sum(part.outcome == "reproduced" for part in claim.parts)
    return f"{claim.verdict} ({held} of {len(claim.parts)})" if claim.verdict == "partly" else claim.verdict


def scoreboard(results_root: Path) -> pd.DataFrame:
    """Make a table of claims and verdicts, from `<results_root>/<world>/claims/*.json`.

    Index: claim ids by paper and number. Columns: `statement`, one per world in alphabetical order, `so`.
    """
    worlds = committed_claims(results_root)
    ids = sorted({id for claims in worlds.values() for id in claims}, key=claim_order)
    specs = registered()
    cells = {world: [cell(claims.get(id)) for id in ids] for world, claims in worlds.items()}
    said = {"statement": [specs[id].statement for id in ids]}
    return pd.DataFrame(said | cells | {"so": [specs[id].so for id in ids]}, index=pd.Index(ids, name="claim"))


def totals(board: pd.DataFrame) -> list[str]:
    """Write one line per world, `scenes: 7 reproduced, 1 partly, 2 undecided`, without verdicts that do not occur."""
    lines = []
    for world in _worlds(board):
        counts = plain(board[world]).value_counts()
        lines.append(f"{world}: " + ", ".join(f"{counts[one]} {one}" for one in VERDICTS if one in counts))
    return lines


def scoreboard_text(board: pd.DataFrame) -> str:
    """Write the scoreboard for a terminal or a notebook: per paper one line per claim with verdicts and statement.

    The totals follow.
    """
    tables = []
    for _, mine in papers(board):
        worlds = _worlds(mine)
        rows = [["claim", *worlds, "statement"]]
        rows += [[str(id), *row[worlds], row["statement"]] for id, row in mine.iterrows()]
        widths = [max(len(row[column]) for row in rows) for column in range(len(worlds) + 1)]
        padded = [[one.ljust(width) for one, width in zip(row[:-1], widths, strict=True)] for row in rows]
        tables.append("\n".join("  ".join([*cells, row[-1]]) for cells, row in zip(padded, rows, strict=True)))
    return "\n\n".join([*tables, "\n".join(totals(board))])


def scoreboard_markdown(board: pd.DataFrame) -> str:
    """Write the scoreboard as Markdown: per paper a table with one row per claim, and what depends on the published
    model; then the totals.
    """
    sections = []
    for number, mine in papers(board):
        worlds = _worlds(mine)
        header = ["claim", "statement", *worlds, "so"]
        rows = [header, ["---"] * len(header)]
        for id, row in mine.iterrows():
            rows.append([str(id), row["statement"], *(row[world] or "–" for world in worlds), row["so"]])
        lines = ["| " + " | ".join(one.replace("|", "\\|") for one in row) + " |" for row in rows]
        told = {str(id): model_sentence(plain(row[worlds])) for id, row in mine.iterrows()}
        lines += ["", *(f"- {id}: {sentence}" for id, sentence in told.items() if sentence)]
        sections.append("\n".join([f"### Paper {number}", "", *lines]).rstrip())
    return "\n\n".join([*sections, "### Totals", "\n".join(f"{line}  " for line in totals(board))]) + "\n"


def papers(board: pd.DataFrame) -> list[tuple[int, pd.DataFrame]]:
    """The rows of each paper, by its number, with only those worlds in which one of its claims was run."""
    numbers = board.index.map(lambda id: claim_order(id)[0])
    parts = ((number, board[numbers == number]) for number in sorted(set(numbers)))
    return [(number, part.loc[:, (part != ABSENT).any()]) for number, part in parts]


def plain(cells: pd.Series) -> pd.Series:
    """Cells without the number of parts that hold: the verdicts alone."""
    return cells.str.replace(r" \(.*", "", regex=True)


def _worlds(board: pd.DataFrame) -> list[str]:
    return [column for column in board.columns if column not in ("statement", "so")]
