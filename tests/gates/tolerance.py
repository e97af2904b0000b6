"""The tolerance gate: `results/<profile>` against the committed `tests/expected/<profile>.json`.

Words (statement, metric, notebook...), seeds, n and tolerances must be equal; every measured number may move by its own
tolerance. A claim's `effect` has the claim's `tolerance`; it is a mean, so one of n seeds may move sqrt(n) times as
far. A control has the claim's too, or a tenth of its own value where that is more: it is as noisy, and may be in
another unit. `tests/expected/tolerances.yaml` overrides these defaults and names the table columns to compare:

    scenes:
      claims:
        p1.C3: {spread: 0.03, controls: {untrained SAE: 0.02}}
      tables:
        10_ms.csv: {ms: 0.01, live: 2}

What a run on another kind of processor moved by more than half of its tolerance (`ELSEWHERE`, noted by
`tests.trust.machines`) gets twice the difference instead.

A verdict follows from numbers. Where none of a claim's numbers moved, its verdict must be the same; where they did,
each within its tolerance, it may be the next better or worse one, as the effect of a seed may have crossed a margin.

After a deliberate change of results, and after reading the differences that the gate reports, write them down:

    python -m tests.gates.tolerance scenes
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lib.data.errors import CompanionError
from lib.data.files import ROOT, write_json
from lib.data.yaml import load_yaml
from lib.report.claims import Claim, read_claims, write_claim
from lib.report.verdicts import VERDICTS, Verdict

EXPECTED = ROOT / "tests" / "expected"
ELSEWHERE = ROOT / "tests" / "trust" / "results" / "machines.json"
"""For each other kind of processor, profile and claim: how far its numbers moved, and its verdict."""

ROOM = 2
"""A tolerance is at least so many times what another processor moved."""

EXACT = ("paper", "claim", "statement", "expected", "metric", "seeds", "n", "tolerance", "notebook")
"""Fields without play. `why` is left out: it may quote measured numbers."""

SLACK = 1 + 1e-6
"""So that a difference of exactly the tolerance passes in spite of binary fractions."""


def compare(results: Path, expected: dict[str, Any]) -> list[str]:
    """Differences of `results/<profile>` from its expected values, one line each; empty where all is well."""
    try:
        found = {claim.id: claim for claim in read_claims(results)}
    except CompanionError as error:
        return [str(error)]
    wanted = expected["claims"]
    problems = [f"{id}: missing; its notebook did not write it" for id in wanted if id not in found]
    problems += [f"{id}: not expected; write it down if it is meant" for id in found if id not in wanted]
    for id in wanted:
        if id in found:
            problems += [f"{id}: {problem}" for problem in _claim_problems(found[id], wanted[id])]
    for name, columns in expected["tables"].items():
        problems += [f"{name}: {problem}" for problem in _table_problems(results / name, columns)]
    return problems


def expected_from(
    results: Path, tolerances: dict[str, Any], elsewhere: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """Expected values made from results.

    tolerances: one profile's part of `tolerances.yaml`. elsewhere: its parts of the runs on other processors.
    """
    claims = {claim.id: claim for claim in read_claims(results)}
    overrides = tolerances.get("claims", {})
    unknown = sorted(set(overrides) - set(claims))
    if unknown or not claims:
        raise CompanionError(f"{results.name}: no claim {unknown[0] if unknown else 'at all'}; run its notebook first")
    runs = {id: [run[id] for run in elsewhere if id in run] for id in claims}
    return {
        "claims": {id: _expected_claim(claim, overrides.get(id, {}), runs[id]) for id, claim in claims.items()},
        "tables": {
            name: {column: _expected_column(results / name, column, play) for column, play in columns.items()}
            for name, columns in tolerances.get("tables", {}).items()
        },
    }


def update(profile: str, results_root: Path = ROOT / "results", expected_root: Path = EXPECTED) -> None:
    """Write `tests/expected/<profile>.json` from the results that lie there now."""
    tolerances = (load_yaml(expected_root / "tolerances.yaml") or {}).get(profile, {})
    write_json(
        expected_root / f"{profile}.json", expected_from(results_root / profile, tolerances, runs_elsewhere(profile))
    )


def write_expected(root: Path) -> None:
    """Write the claims that are expected to `<root>/<profile>/claims`, as `results/` has them before a run here."""
    for profile, expected in expected_profiles().items():
        for id, fields in expected["claims"].items():
            spread = {field: fields["spread"][field] for field in ("kind", "values")}
            controls = {name: one["value"] for name, one in fields["controls"].items()}
            same = {field: fields[field] for field in (*EXACT, "verdict", "effect")}
            write_claim(Claim(id=id, spread=spread, controls=controls, why="as expected", **same), root / profile)


def runs_elsewhere(profile: str, path: Path = ELSEWHERE) -> list[dict[str, Any]]:
    """What is known of a profile's claims on other kinds of processor."""
    runs = json.loads(path.read_text()) if path.is_file() else {}
    return [run[profile] for run in runs.values() if profile in run]


def numbers(claim: Claim | dict[str, Any]) -> dict[str, float | None]:
    """Every measured number of a claim, or of its expected values, by a name."""
    whole = claim if isinstance(claim, dict) else claim.model_dump()
    named = {"effect": whole["effect"]}
    named |= {f"spread value {place}": value for place, value in enumerate(whole["spread"]["values"])}
    controls = {name: one["value"] if isinstance(one, dict) else one for name, one in whole["controls"].items()}
    return named | {f"control {name!r}": value for name, value in controls.items()}


def plays(wanted: dict[str, Any]) -> dict[str, float]:
    """The tolerance of each of `numbers`."""
    spread = {name: wanted["spread"]["tolerance"] for name in numbers(wanted) if name.startswith("spread")}
    controls = {f"control {name!r}": one["tolerance"] for name, one in wanted["controls"].items()}
    return {"effect": wanted["play"], **spread, **controls}


def _expected_claim(claim: Claim, override: dict[str, Any], runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    given = override.get("controls", {})
    stray = sorted(set(override) - {"spread", "controls"}) + sorted(set(given) - set(claim.controls))
    if stray:
        raise CompanionError(f"tolerances.yaml, claim {claim.id}: no such entry {stray[0]!r}")

    def play(usual: float, *names: str) -> float:
        moved = max((run["moved"].get(name, 0.0) for run in runs for name in names), default=0.0)
        return float(usual) if ROOM * moved <= usual else float(f"{ROOM * moved:.3g}")

    controls = {
        name: {
            "value": value,
            "tolerance": play(given.get(name, _control_play(value, claim.tolerance)), f"control {name!r}"),
        }
        for name, value in claim.controls.items()
    }
    values = [name for name in numbers(claim) if name.startswith("spread")]
    one = math.sqrt(len(claim.seeds)) if claim.spread.kind == "per seed" else 1.0
    usual = override.get("spread", float(f"{one * claim.tolerance:.3g}"))
    spread = {**claim.spread.model_dump(), "tolerance": play(usual, *values)}
    exact = {field: getattr(claim, field) for field in EXACT}
    return {
        **exact,
        "verdict": claim.verdict,
        "effect": claim.effect,
        "play": play(claim.tolerance, "effect"),
        "spread": spread,
        "controls": controls,
    }


def _control_play(value: float, tolerance: float) -> float:
    return float(f"{max(abs(value) / 10, tolerance):.3g}")


def _claim_problems(claim: Claim, wanted: dict[str, Any]) -> list[str]:
    problems = [
        f"{field} is {getattr(claim, field)!r}, expected {wanted[field]!r}"
        for field in EXACT
        if getattr(claim, field) != wanted[field]
    ]
    there, here, room = numbers(claim), numbers(wanted), plays(wanted)
    spread = wanted["spread"]
    reshaped = (claim.spread.kind, len(claim.spread.values)) != (spread["kind"], len(spread["values"]))
    if reshaped:
        problems.append(f"spread is of another kind or length than {spread['kind']!r}")
    for name in [*here, *sorted(there.keys() - here.keys())]:
        if name.startswith("spread") and reshaped:
            continue
        if name in there and name in here:
            problems += _moved(name, there[name], here[name], room[name])
        else:
            problems.append(f"{name} is {'not expected' if name in there else 'missing'}")
    return problems + _another_verdict(claim.verdict, wanted["verdict"], moved=there != here)


def _another_verdict(verdict: Verdict, wanted: Verdict, moved: bool) -> list[str]:
    far = abs(VERDICTS.index(verdict) - VERDICTS.index(wanted))
    if far == 0 or (moved and far == 1 and "not testable here" not in (verdict, wanted)):
        return []
    return [f"verdict is {verdict!r}, expected {wanted!r}" + ("" if moved else ", though none of its numbers moved")]


def _moved(name: str, value: float | None, target: float | None, tolerance: float) -> list[str]:
    if value is None or target is None:
        return [] if value is target else [f"{name} is {value}, expected {target}"]
    # Written so that NaN on either side counts as moved.
    if abs(value - target) <= tolerance * SLACK:
        return []
    return [f"{name} is {value:.6g}, expected {target:.6g} within {tolerance:.3g}"]


def _column(path: Path, column: str) -> list[Any]:
    if not path.is_file():
        raise CompanionError(f"{path.name}: missing; its notebook did not write it")
    table = pd.read_csv(path)
    if column not in table:
        raise CompanionError(f"{path.name}: no column {column!r}")
    return [None if pd.isna(value) else value for value in table[column].tolist()]


def _expected_column(path: Path, column: str, tolerance: float | None) -> dict[str, Any]:
    values = _column(path, column)
    if tolerance is not None and any(isinstance(value, str) for value in values):
        raise CompanionError(f"tolerances.yaml, {path.name}: column {column!r} is text; give null for its tolerance")
    return {"values": values, "tolerance": tolerance}


def _table_problems(path: Path, columns: dict[str, Any]) -> list[str]:
    problems = []
    for column, wanted in columns.items():
        try:
            values = _column(path, column)
        except CompanionError as error:
            return [str(error).removeprefix(f"{path.name}: ")]
        if len(values) != len(wanted["values"]):
            return [f"{len(values)} rows, expected {len(wanted['values'])}"]
        for row, (value, target) in enumerate(zip(values, wanted["values"], strict=True)):
            name = f"column {column!r}, row {row}"
            if wanted["tolerance"] is None or isinstance(value, str) or isinstance(target, str):
                problems += [] if value == target else [f"{name} is {value!r}, expected {target!r}"]
            else:
                problems += _moved(name, value, target, wanted["tolerance"])
    return problems


def expected_profiles(folder: Path = EXPECTED) -> dict[str, dict[str, Any]]:
    """Profile to expected values, of every JSON file in `tests/expected/`."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


if __name__ == "__main__":
    for name in sys.argv[1:]:
        update(name)
