"""Claims: the judged measurements of a notebook for registered claims, one JSON file each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from lib.base.errors import CompanionError
from lib.base.files import write_json
from lib.base.validation import first_problem
from lib.report.register import Rule, claim_order
from lib.report.verdicts import Outcome, Verdict

SIGNIFICANT = 6
"""Number of digits of a claim's numbers on disk; further digits differ between machines."""


class Measured(BaseModel):
    """A number on disk, with its values over seeds and its 95 % interval."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    values: list[FiniteFloat]
    """One value per seed, or a single value."""
    mean: FiniteFloat
    low: FiniteFloat | None
    """None for a single seed, whose scatter is unknown; the same goes for `high`."""
    high: FiniteFloat | None
    redraw: FiniteFloat
    """The distance that the mean of another draw of seeds may have from this one."""


class Judged(Measured):
    """A part of a claim: its effect, the rule and margin of the register, and the outcome."""

    rule: Rule
    margin: FiniteFloat
    zero: FiniteFloat
    outcome: Outcome
    near: bool
    """Whether another draw of seeds could lead to another outcome."""


class Unmeasured(BaseModel):
    """A part that this world cannot measure."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    why: str = Field(min_length=1)


class Claim(BaseModel):
    """One claim of a paper, measured in one world. It does not change from run to run on one machine.

    Bad fields raise `CompanionError`: one line that names claim and field.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    statement: str = Field(min_length=1)
    notebook: str = Field(min_length=1)
    """File name of the notebook that wrote it, without its suffix."""
    seeds: list[int]
    n: int = Field(ge=0)
    headline: Judged | None
    """The headline part; None where the world cannot measure it."""
    sides: list[Judged]
    positive: Measured | None
    negative: Measured | None
    unmeasured: list[Unmeasured]
    context: list[Measured]
    verdict: Verdict
    near: bool
    """Whether another draw of seeds could lead to another verdict."""
    why: str = Field(min_length=1)
    """The reason for the verdict, in words and numbers."""

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            problem = first_problem(error)
            where = f", field {problem.key}" if problem.key else ""
            raise CompanionError(f"claim {fields.get('id', '(no id)')}{where}: {problem.message}") from None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        claim_order(self.id)
        if self.headline is None and self.verdict != "not testable here":
            raise ValueError("without a measured headline the verdict is 'not testable here'")
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds {self.seeds} repeat; name each seed once")
        return self

    @property
    def parts(self) -> list[Judged]:
        """The headline part, if it was measured, then the side parts."""
        return [*([self.headline] if self.headline else []), *self.sides]

    @property
    def numbers(self) -> list[Measured]:
        """Everything that was measured."""
        controls = [one for one in (self.positive, self.negative) if one]
        return [*self.parts, *controls, *self.context]


def said_number(one: Measured) -> str:
    """Write `0.93 [0.91, 0.95]`: the mean and its interval."""
    ends = "one seed, no interval" if one.low is None or one.high is None else f"{one.low:.3g}, {one.high:.3g}"
    return f"{one.mean:.3g} [{ends}]"


def said_rule(part: Judged) -> str:
    """Write `above 0.9`, or `within 0.02 of 0`."""
    if part.rule == "within":
        return f"within {part.margin - part.zero:.3g} of {part.zero:.3g}"
    return f"{part.rule} {part.margin:.3g}"


def write_claim(claim: Claim, results: Path) -> Path:
    """Write `<results>/claims/<id>.json`, numbers rounded to 6 significant digits. results: `results/<profile>`."""
    path = results / "claims" / f"{claim.id}.json"
    write_json(path, _rounded(claim.model_dump()))
    return path


def read_claims(results: Path) -> list[Claim]:
    """Read all claims of `results/<profile>`, by paper and number; an empty list where there are none."""
    claims = [_read(path) for path in (results / "claims").glob("*.json")]
    return sorted(claims, key=lambda claim: claim_order(claim.id))


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
