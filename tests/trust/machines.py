"""Compare a run on another kind of machine with the committed one, claim by claim, in shares of its tolerance.

    ATEN_CPU_CAPABILITY=avx2 COMPANION_CACHE=/tmp/other COMPANION_RESULTS=/tmp/other/results make reproduce
    python -m tests.trust.machines "AVX2" /tmp/other/results

notes, for each kind, profile and claim, every mean and the verdict. The gate takes no tolerance from it: how far a
number may move follows from the claim itself (`tests.gates.tolerance`).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from lib.base.errors import CompanionError
from lib.base.files import ROOT, write_json
from lib.report.claims import Claim, read_claims
from tests.gates.tolerance import expected_profiles, room

ELSEWHERE = ROOT / "tests" / "trust" / "results" / "machines.json"
"""For each other kind of processor, profile and claim: its means by name, and its verdict."""


def noted(claim: Claim) -> dict[str, Any]:
    """What is kept of a claim of another run."""
    return {"verdict": claim.verdict, "means": {one.name: float(f"{one.mean:.6g}") for one in claim.numbers}}


def record(kind: str, results_root: Path, path: Path = ELSEWHERE) -> None:
    """Add a run to the record."""
    runs = json.loads(path.read_text()) if path.is_file() else {}
    profiles = {}
    for profile, wanted in expected_profiles().items():
        claims = {claim.id: noted(claim) for claim in read_claims(results_root / profile) if claim.id in wanted}
        if claims:
            profiles[profile] = claims
    if not profiles:
        raise CompanionError(f"{results_root} holds no claims of a known profile; give the folder of another run")
    write_json(path, {**runs, kind: profiles})


def table(path: Path = ELSEWHERE) -> str:
    """Markdown: one row per kind and profile, then one row per claim with another verdict on one of them."""
    if not path.is_file():
        return "Not run yet.\n"
    runs, expected = json.loads(path.read_text()), expected_profiles()
    rows = [
        "| run | profile | claims | largest share of its room | of | beyond its room | other verdicts | of them near |",
        "|---|---|--:|--:|---|--:|--:|--:|",
    ]
    for kind, profiles in runs.items():
        for profile, claims in profiles.items():
            here = {id: Claim(**expected[profile][id]) for id in claims}
            shares = [found for id in claims for found in _shares(claims[id], here[id])]
            share, what = max(shares, default=(0.0, "nothing"))
            others = [id for id in claims if claims[id]["verdict"] != here[id].verdict]
            beyond, near = sum(one > 1 for one, _ in shares), sum(here[id].near for id in others)
            counts = f"{beyond} | {len(others)} | {near}"
            rows.append(f"| {kind} | {profile} | {len(claims)} | {share:.2f} | {what} | {counts} |")
    return "\n".join([*rows, "", *_verdicts(runs, expected)]) + "\n"


def _verdicts(runs: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """A table of the claims whose verdict is not the same in all runs; a line where there are none."""
    rows = []
    for profile, wanted in expected.items():
        for id, here in wanted.items():
            there = [run.get(profile, {}).get(id, {}).get("verdict", "") for run in runs.values()]
            if set(there) - {"", here["verdict"]}:
                near = "yes" if here["near"] else "no"
                rows.append(f"| {profile} | {id} | {' | '.join([here['verdict'], *there])} | {near} |")
    if not rows:
        return ["Every claim has the same verdict in all runs."]
    heads = f"| profile | claim | committed | {' | '.join(runs)} | near its margin |"
    return [heads, "|---|---|---|" + "---|" * (len(runs) + 1), *rows]


def _shares(there: dict[str, Any], here: Claim) -> list[tuple[float, str]]:
    """|difference| / room of every number, and its name."""
    found = []
    for one in here.numbers:
        allowed = room(one, one, here.n)
        if one.name in there["means"] and allowed:
            found.append((abs(there["means"][one.name] - one.mean) / allowed, f"{here.id}, {one.name}"))
    return found


def main() -> None:
    """The entry of `python -m tests.trust.machines`."""
    if len(sys.argv) != 3:
        sys.exit("usage: python -m tests.trust.machines KIND RESULTS")
    try:
        record(sys.argv[1], Path(sys.argv[2]))
    except CompanionError as error:
        sys.exit(f"error: {error}")
    print(table(), end="")


if __name__ == "__main__":
    main()
