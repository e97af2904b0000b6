"""The tolerance gate: `results/<profile>` against the committed `tests/expected/<profile>.json`.

What a claim says must be equal: statement, seeds, n, and of every part its name, rule and margin. What was measured may
differ by what its own scatter allows. Training takes another path on another kind of processor, as with another draw of
seeds, so a mean may move by ROOM times the half-width of the 95 % prediction interval that the claim itself states
(`redraw`), and a single seed by sqrt(n) times that. What is not trained, or is the same for every seed, moves by
rounding: by ROUNDING of its value, or by one of the n items. No tolerance is typed anywhere.

Where none of a claim's numbers moved, its verdict must be the same. Where they did, it may be another one only if the
claim says, in one of the two runs, that it is near its margin.

After a deliberate change of results, and after reading the differences that the gate reports, write them down:

    python -m tests.gates.tolerance scenes
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

from lib.base.errors import CompanionError
from lib.base.files import ROOT, write_json
from lib.report.claims import Claim, Judged, Measured, read_claims, write_claim
from lib.report.effects import over_seeds
from lib.report.verdicts import near_its_margin, outcome

EXPECTED = ROOT / "tests" / "expected"

ROOM = 2.0
"""The gate looks at hundreds of numbers, so each gets twice its 95 % prediction interval."""

ENDS = 3.0
"""An end of an interval moves with the mean and with the scatter, which few seeds estimate badly."""

ROUNDING = 0.01
"""Share of its value by which a number that is not trained may move."""

NO_SCATTER = 1e-9
"""The standard deviation of equal numbers is not always 0 in floating point; a scatter below this is none."""


def compare(results: Path, expected: dict[str, Any]) -> list[str]:
    """Differences of `results/<profile>` from its expected claims, one line each; empty where all is well."""
    try:
        found = {claim.id: claim for claim in read_claims(results)}
    except CompanionError as error:
        return [str(error)]
    wanted = {id: Claim(**fields) for id, fields in expected.items()}
    problems = [f"{id}: missing; its notebook did not write it" for id in wanted if id not in found]
    problems += [f"{id}: not expected; write it down if it is meant" for id in found if id not in wanted]
    return problems + [
        f"{id}: {problem}" for id in wanted if id in found for problem in _claim_problems(found[id], wanted[id])
    ]


def update(profile: str, results_root: Path = ROOT / "results", expected_root: Path = EXPECTED) -> None:
    """Write `tests/expected/<profile>.json` from the results that are there now."""
    claims = read_claims(results_root / profile)
    if not claims:
        raise CompanionError(f"{profile}: no claim at all; run its notebooks first")
    write_json(expected_root / f"{profile}.json", {claim.id: claim.model_dump() for claim in claims})


def write_expected(root: Path) -> None:
    """Write the claims that are expected to `<root>/<profile>/claims`, as `results/` has them before a run here."""
    for profile, expected in expected_profiles().items():
        for fields in expected.values():
            write_claim(Claim(**fields), root / profile)


def expected_profiles(folder: Path = EXPECTED) -> dict[str, dict[str, Any]]:
    """Profile to expected claims by id, of every JSON file in `tests/expected/`."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def room(number: Measured, other: Measured, n: int) -> float:
    """How far the mean of a number may be from that of another run."""
    redraw = max(number.redraw, other.redraw)
    if redraw > NO_SCATTER:
        return ROOM * redraw
    return max(ROUNDING * abs(number.mean), 1 / n if n else 0.0)


def _claim_problems(claim: Claim, wanted: Claim) -> list[str]:
    said, expected = _words(claim), _words(wanted)
    differing = [name for name in said if said[name] != expected[name]]
    if differing:
        return [f"{name} is {said[name]!r}, expected {expected[name]!r}" for name in differing]
    pairs = list(zip(claim.numbers, wanted.numbers, strict=True))
    problems = [problem for one, other in pairs for problem in _moved(one, other, wanted.n)]
    problems += [problem for one in claim.numbers for problem in _inconsistent(one)]
    if claim.verdict != wanted.verdict:
        another = f"verdict is {claim.verdict!r}, expected {wanted.verdict!r}"
        if all(one.values == other.values for one, other in pairs):
            problems.append(f"{another}, though none of its numbers moved")
        elif not (claim.near or wanted.near):
            problems.append(f"{another}, which was not near its margin")
    return problems


def _inconsistent(one: Measured) -> list[str]:
    """What a file says of a number that does not follow from the number itself."""
    made = over_seeds(one.values)
    largest = max(map(abs, one.values))  # six digits of values that nearly cancel leave fewer of their mean and scatter
    problems = []
    if not math.isclose(one.mean, made.mean, rel_tol=1e-4, abs_tol=1e-5 * largest):
        problems.append(f"{one.name}: mean {one.mean:.6g} is not that of its values, {made.mean:.6g}")
    if one.redraw and not math.isclose(one.redraw, made.redraw, rel_tol=1e-3, abs_tol=1e-4 * largest):
        problems.append(f"{one.name}: redraw {one.redraw:.6g} does not follow from its values, {made.redraw:.6g}")
    if isinstance(one, Judged) and (outcome(one, one), near_its_margin(one, one)) != (one.outcome, one.near):
        problems.append(f"{one.name}: outcome {one.outcome!r} (near: {one.near}) does not follow from its interval")
    return problems


def _words(claim: Claim) -> dict[str, Any]:
    """What must be equal."""
    return {
        "statement": claim.statement,
        "notebook": claim.notebook,
        "seeds": claim.seeds,
        "n": claim.n,
        "parts": [(part.name, part.rule, part.margin, part.zero) for part in claim.parts],
        "numbers": [(one.name, len(one.values)) for one in claim.numbers],
        "unmeasured": [one.name for one in claim.unmeasured],
    }


def _moved(one: Measured, other: Measured, n: int) -> list[str]:
    allowed = room(other, one, n)
    single = allowed * math.sqrt(len(one.values))
    problems = []
    # Written so that NaN on either side counts as moved.
    if not abs(one.mean - other.mean) <= allowed * (1 + 1e-6):
        problems.append(f"{one.name} is {one.mean:.6g}, expected {other.mean:.6g} within {allowed:.3g}")
    for place, (value, target) in enumerate(zip(one.values, other.values, strict=True)):
        if not abs(value - target) <= single * (1 + 1e-6):
            problems.append(f"{one.name}, value {place}, is {value:.6g}, expected {target:.6g} within {single:.3g}")
    for end, here, there in (("low", one.low, other.low), ("high", one.high, other.high)):
        if (here is None) != (there is None):
            problems.append(f"{one.name}, {end} end, is {here}, expected {there}")
        elif here is not None and there is not None and not abs(here - there) <= ENDS * allowed * (1 + 1e-6):
            problems.append(f"{one.name}, {end} end, is {here:.6g}, expected {there:.6g} within {ENDS * allowed:.3g}")
    return problems


if __name__ == "__main__":
    for name in sys.argv[1:]:
        update(name)
