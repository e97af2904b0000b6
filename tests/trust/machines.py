"""How far a run on another kind of machine is from the committed one, claim by claim, in shares of the tolerance.

    ATEN_CPU_CAPABILITY=avx2 COMPANION_CACHE=/tmp/other COMPANION_RESULTS=/tmp/other/results python -m lib run --jobs 2
    python -m tests.trust.machines "AVX2" /tmp/other/results

notes for docs/trust.md, for each kind and profile, the claims and what of them moved most. A difference of more than a
third of its tolerance is near: then the tolerance is too small for the machines there are.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lib.data.errors import CompanionError
from lib.data.files import write_json
from lib.report.claims import Claim, read_claims
from tests.gates.tolerance import expected_profiles
from tests.trust.common import RESULTS

RECORD = RESULTS / "machines.json"

NEAR = 1 / 3


def differences(claim: Claim, wanted: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Name and |difference| / tolerance of every number of a claim that has a counterpart."""
    pairs = [("effect", claim.effect, wanted["effect"], wanted["tolerance"])]
    spread = wanted["spread"]
    for place, (value, target) in enumerate(zip(claim.spread.values, spread["values"], strict=False)):
        pairs.append((f"value {place}", value, target, spread["tolerance"]))
    for name in sorted(set(claim.controls) & set(wanted["controls"])):
        control = wanted["controls"][name]
        pairs.append((name, claim.controls[name], control["value"], control["tolerance"]))
    for name, value, target, tolerance in pairs:
        if value is not None and target is not None and (tolerance or value != target):
            yield name, abs(value - target) / tolerance if tolerance else float("inf")


def compare(results: Path, expected: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """For each claim of a profile: what moved most, by which share of its tolerance, and the verdicts where two."""
    found: dict[str, dict[str, Any]] = {}
    for claim in read_claims(results):
        if claim.id in expected["claims"]:
            wanted = expected["claims"][claim.id]
            what, share = max(differences(claim, wanted), key=lambda one: one[1], default=("nothing", 0.0))
            verdicts = [wanted["verdict"], claim.verdict] if claim.verdict != wanted["verdict"] else []
            found[claim.id] = {"what": what, "share": round(share, 3), "verdicts": verdicts}
    return found


def record(kind: str, results_root: Path, path: Path = RECORD) -> dict[str, Any]:
    """Add a run to the record, and give it."""
    runs = json.loads(path.read_text()) if path.is_file() else {}
    profiles = {name: compare(results_root / name, wanted) for name, wanted in expected_profiles().items()}
    profiles = {name: claims for name, claims in profiles.items() if claims}
    if not profiles:
        raise CompanionError(f"{results_root} holds no claims of a known profile; give the folder of another run")
    runs[kind] = profiles
    write_json(path, runs)
    return profiles


def table(path: Path = RECORD) -> str:
    """Markdown: a row for each kind and profile, then every claim that is near its tolerance or has another verdict."""
    if not path.is_file():
        return "Not run yet.\n"
    lines = [
        "| run | profile | claims | largest share of a tolerance | of | other verdicts |",
        "|---|---|--:|--:|---|---|",
    ]
    notable = []
    for kind, profiles in json.loads(path.read_text()).items():
        for profile, claims in profiles.items():
            top = max(claims, key=lambda id: claims[id]["share"])
            moved = [id for id in claims if claims[id]["verdicts"]]
            shares = f"{claims[top]['share']:.2f} | {top}, {claims[top]['what']}"
            lines.append(f"| {kind} | {profile} | {len(claims)} | {shares} | {', '.join(moved) or 'none'} |")
            for id, one in claims.items():
                verdicts = f", {one['verdicts'][0]} → {one['verdicts'][1]}" if one["verdicts"] else ""
                if one["share"] > NEAR or verdicts:
                    notable.append(f"- {kind}, {profile}, {id}: {one['what']} moves by {one['share']:.2f}{verdicts}")
    return "\n".join([*lines, "", *notable]).rstrip() + "\n"


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
