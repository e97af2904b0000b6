"""Claims: every headline number of a notebook, one JSON file each, with its controls and its verdict."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from lib.data.errors import CompanionError
from lib.data.files import write_json
from lib.report.verdicts import Verdict, verdict

Direction = Literal["greater", "less", "equal", "up", "down", "hump", "open"]
"""What the paper, or its algebra, says of the effect.

greater, less: above or below the control it is compared with. equal: within the stated margin of it.
up, down: rises or falls along the swept setting. hump: rises, then falls. open: no direction is asserted.
"""

SIGNIFICANT = 6
"""Digits that a claim's numbers keep on disk; what lies beyond differs between machines."""

_ID = re.compile(r"p(?P<paper>[1-4])\.(?P<claim>C?(?P<number>[0-9]+))")


class Spread(BaseModel):
    """How far the effect scatters.

    per seed: one value a seed, in the order of `seeds`. 95 % interval: two values, low and high (a bootstrap over
    items, where nothing is trained). none: no values, where the effect is exact or was measured once.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["per seed", "95 % interval", "none"]
    values: list[FiniteFloat]


class Claim(BaseModel):
    """One claim of a paper, measured. Nothing in it changes from run to run on one machine.

    id: `p<paper>.<claim>`, the claim's number as in the paper's list (`p1.C3`, `p4.6`). statement: the claim in one
    sentence. effect: the headline number of `metric`, None only where the claim is not testable here.
    seeds: of the trained models; empty where nothing is trained. n: images, pairs or items measured.
    controls: name to value, in the units of `metric` unless the name says otherwise. why: what decided the verdict.
    tolerance: how far `effect` may move on another machine. notebook: file name that wrote it, without suffix.
    Bad fields raise `CompanionError`: one line that names claim and field.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    paper: int
    claim: str
    statement: str = Field(min_length=1)
    expected: Direction
    metric: str = Field(min_length=1)
    effect: FiniteFloat | None
    spread: Spread
    seeds: list[int]
    n: int = Field(ge=1)
    controls: dict[str, FiniteFloat]
    verdict: Verdict
    why: str = Field(min_length=1)
    tolerance: FiniteFloat = Field(ge=0)
    notebook: str = Field(min_length=1)

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            message = first["msg"].removeprefix("Value error, ")
            where = f", field {field}" if field else ""
            raise CompanionError(f"claim {fields.get('id', '(no id)')}{where}: {message}") from None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        match = _ID.fullmatch(self.id)
        if not match or (self.paper, self.claim) != (int(match["paper"]), match["claim"]):
            raise ValueError(f"id must be p<paper>.<claim>, here p{self.paper}.{self.claim}, as in p1.C3")
        if (self.effect is None) != (self.verdict == "not testable here"):
            raise ValueError("effect is None exactly where the verdict is 'not testable here'")
        wanted = {"per seed": len(self.seeds), "95 % interval": 2, "none": 0}[self.spread.kind]
        if len(self.spread.values) != wanted:
            raise ValueError(f"spread {self.spread.kind!r} needs {wanted} values, not {len(self.spread.values)}")
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds {self.seeds} repeat; name each seed once")
        return self


def claim_over_seeds(
    id: str, effects: Mapping[int, float], holds: Sequence[bool], *, controls: Mapping[str, float], **rest: Any
) -> Claim:
    """The usual claim: `effects` maps seed to effect, `holds` says for each of them whether the claim held.

    The effect is the mean, the verdict `verdict(holds)` unless `rest` brings one (a claim of several parts).
    rest: statement, expected, metric, n, why, tolerance, notebook.
    """
    if len(effects) == 0 or len(effects) != len(holds):
        raise CompanionError(f"claim {id}: {len(effects)} effects and {len(holds)} answers; give one of each a seed")
    fields = {
        **_numbers(id),
        "effect": float(np.mean([float(effect) for effect in effects.values()])),
        "spread": {"kind": "per seed", "values": [float(effect) for effect in effects.values()]},
        "seeds": list(effects),
        "controls": {name: float(value) for name, value in controls.items()},
        "verdict": verdict(holds),
    }
    return Claim(id=id, **(fields | rest))


def untestable(id: str, why: str, **rest: Any) -> Claim:
    """The claim in a world that lacks what it takes. rest: statement, expected, metric, n, notebook."""
    nothing: dict[str, Any] = {
        "effect": None,
        "spread": {"kind": "none", "values": []},
        "seeds": [],
        "controls": {},
        "tolerance": 0.0,
    }
    return Claim(id=id, why=why, verdict="not testable here", **(_numbers(id) | nothing | rest))


def _numbers(id: str) -> dict[str, Any]:
    match = _ID.fullmatch(id)
    return {"paper": int(match["paper"]) if match else 0, "claim": match["claim"] if match else ""}


def write_claim(claim: Claim, results: Path) -> Path:
    """Write `<results>/claims/<id>.json`, numbers rounded to 6 significant digits. results: `results/<profile>`."""
    path = results / "claims" / f"{claim.id}.json"
    write_json(path, _rounded(claim.model_dump()))
    return path


def read_claims(results: Path) -> list[Claim]:
    """All claims of `results/<profile>`, by paper and number; an empty list where there are none."""
    claims = [_read(path) for path in (results / "claims").glob("*.json")]
    return sorted(claims, key=lambda claim: claim_order(claim.id))


def claim_order(id: str) -> tuple[int, int]:
    """Sorting key of a claim's id: paper, then number (`p1.C2` before `p1.C10`)."""
    match = _ID.fullmatch(id)
    if not match:
        raise CompanionError(f"claim id {id!r} is not p<paper>.<claim>, as in p1.C3")
    return int(match["paper"]), int(match["number"])


def _read(path: Path) -> Claim:
    try:
        fields = json.loads(path.read_text())
    except ValueError as error:
        raise CompanionError(f"claim file {path.name} is not JSON ({error}); run its notebook again") from None
    if not isinstance(fields, dict) or fields.get("id") != path.stem:
        raise CompanionError(f"claim file {path.name} does not hold claim {path.stem}; run its notebook again")
    return Claim(**fields)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT}g}")
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, list) else value
