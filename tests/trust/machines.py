"""How far a run on another kind of machine is from the committed one, claim by claim, in shares of the tolerance.

    ATEN_CPU_CAPABILITY=avx2 COMPANION_CACHE=/tmp/other COMPANION_RESULTS=/tmp/other/results make reproduce
    python -m tests.trust.machines "AVX2" /tmp/other/results

notes, for each kind, profile and claim, how far every number moved and which verdict it came to; then
`python -m tests.gates.tolerance PROFILE` gives the tolerance gate room for that.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from lib.data.errors import CompanionError
from lib.data.files import write_json
from lib.report.claims import Claim, read_claims
from tests.gates.tolerance import ELSEWHERE, ROOM, expected_profiles, numbers, plays


def moved(claim: Claim, wanted: dict[str, Any]) -> dict[str, float]:
    """Name and |difference| of every number of a claim that has a counterpart."""
    there, here = numbers(claim), numbers(wanted)
    both = [(name, there[name], here[name]) for name in sorted(there.keys() & here.keys())]
    return {name: float(f"{abs(a - b):.3g}") for name, a, b in both if a is not None and b is not None}


def compare(results: Path, expected: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What moved and the verdict, of each claim of a profile."""
    claims = [claim for claim in read_claims(results) if claim.id in expected["claims"]]
    return {
        claim.id: {"verdict": claim.verdict, "moved": moved(claim, expected["claims"][claim.id])} for claim in claims
    }


def record(kind: str, results_root: Path, path: Path = ELSEWHERE) -> None:
    """Add a run to the record."""
    runs = json.loads(path.read_text()) if path.is_file() else {}
    profiles = {name: compare(results_root / name, wanted) for name, wanted in expected_profiles().items()}
    profiles = {name: claims for name, claims in profiles.items() if claims}
    if not profiles:
        raise CompanionError(f"{results_root} holds no claims of a known profile; give the folder of another run")
    write_json(path, {**runs, kind: profiles})


def table(path: Path = ELSEWHERE) -> str:
    """Markdown: a row for each kind and profile, then a row for every claim with another verdict on one of them."""
    if not path.is_file():
        return "Not run yet.\n"
    runs, expected = json.loads(path.read_text()), expected_profiles()
    rows = [
        "| run | profile | claims | largest share of a tolerance | of | numbers given room | other verdicts |",
        "|---|---|--:|--:|---|--:|--:|",
    ]
    for kind, profiles in runs.items():
        for profile, claims in profiles.items():
            here = expected[profile]["claims"]
            shares = _shares(claims, here)
            share, what = max(shares)
            wider = sum(one > 0.998 / ROOM for one, _ in shares)  # their tolerance is ROOM times what moved, rounded
            others = sum(one["verdict"] != here[id]["verdict"] for id, one in claims.items())
            rows.append(f"| {kind} | {profile} | {len(claims)} | {share:.2f} | {what} | {wider} | {others} |")
    return "\n".join([*rows, "", *_verdicts(runs, expected)]) + "\n"


def _verdicts(runs: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """A table of the claims whose verdict is not the same in all runs, here and there; a line where there are none."""
    rows = []
    for profile, wanted in expected.items():
        for id, here in wanted["claims"].items():
            there = [run.get(profile, {}).get(id, {}).get("verdict", "") for run in runs.values()]
            if set(there) - {"", here["verdict"]}:
                rows.append(f"| {profile} | {id} | {' | '.join([here['verdict'], *there])} |")
    if not rows:
        return ["Every claim has the same verdict in all runs."]
    return [f"| profile | claim | committed | {' | '.join(runs)} |", "|---|---|---|" + "---|" * len(runs), *rows]


def _shares(claims: dict[str, Any], expected: dict[str, Any]) -> list[tuple[float, str]]:
    """|difference| / tolerance of every number, and its name."""
    found = []
    for id, one in claims.items():
        room = plays(expected[id])
        found += [(far / room[name], f"{id}, {name}") for name, far in one["moved"].items() if room.get(name)]
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
