"""The registers of claims: `lib/papers/p?/claims.yaml` says what each paper claims and what would show it.

A register is data. A study measures effects and controls under the names given here; the verdict, its reasons and the
tolerance for other machines are derived from both (`lib.report.verdicts`, `lib.report.claims`).
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from lib.base.errors import CompanionError
from lib.base.files import ROOT
from lib.base.yaml import load_yaml

Rule = Literal["above", "below", "within"]
"""above, below: the effect exceeds, or falls short of, the margin. within: the distance of the effect from `zero`, in
either direction, is less than that of the margin.
"""

Text = Annotated[str, Field(min_length=1)]

ID = re.compile(r"p(?P<paper>[1-9])\.(?P<claim>C?(?P<number>[0-9]+))")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Part(_Strict):
    """One statement about one number."""

    name: Text
    """The study's name of the effect; unique within the claim."""
    measure: Text
    """The meaning of the number, and its unit."""
    rule: Rule
    margin: FiniteFloat
    """The margin, fixed before any result, in the unit of the measure."""
    zero: FiniteFloat = 0.0
    """The value that would mean that there is no effect."""
    why: Text
    """The reason for this margin."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.rule == "above" and self.margin < self.zero) or (self.rule == "below" and self.margin > self.zero):
            raise ValueError(f"margin {self.margin:g} is on the other side of zero {self.zero:g} than rule {self.rule}")
        if self.rule == "within" and self.margin <= self.zero:
            raise ValueError(
                f"rule within needs a margin above zero {self.zero:g}, the upper end of what is called equal"
            )
        return self


class Control(_Strict):
    """A measurement in the unit of the headline that shows whether this world and sample can decide the claim."""

    name: Text
    why: Text
    """The reason why it must reach the margin (a positive control), or must not (a negative one)."""


class Reported(_Strict):
    """The result that the paper prints."""

    text: Text
    """The finding with its numbers."""
    where: Text
    """The table, figure or section."""
    setting: Text
    """The model and data of the measurement."""
    value: FiniteFloat | list[FiniteFloat] | None = None
    """The number, or its range [low, high], in the unit of the headline; None where the units differ."""


class Spec(_Strict):
    """A claim of a paper: what it says, what would show it, and what the paper reports."""

    id: str
    """`p<paper>.<claim>`, the claim's number as in the paper's list (`p1.C3`, `p4.6`)."""
    statement: Text
    """The claim in one sentence, the same in all worlds."""
    headline: Part
    sides: list[Part] = []
    reported: Reported
    positive: Control | None = None
    """A control that is right by construction, or a ceiling: if its mean does not reach the margin, nothing could."""
    negative: Control | None = None
    """A control that knows nothing: if its interval lies beyond the margin, the headline's being there means nothing.
    """
    so: Text
    """The conclusion for a reader who wants to use the method."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not ID.fullmatch(self.id):
            raise ValueError("id must be p<paper>.<claim>, as in p1.C3")
        names = [part.name for part in self.parts]
        if len(set(names)) != len(names):
            raise ValueError("two parts have one name; give each its own")
        return self

    @property
    def parts(self) -> list[Part]:
        """The headline part, then the side parts."""
        return [self.headline, *self.sides]


def claim_order(id: str) -> tuple[int, int]:
    """Return the sorting key of a claim's id: paper, then number (`p1.C2` before `p1.C10`)."""
    match = ID.fullmatch(id)
    if not match:
        raise CompanionError(f"claim id {id!r} is not p<paper>.<claim>, as in p1.C3")
    return int(match["paper"]), int(match["number"])


def read_register(path: Path) -> dict[str, Spec]:
    """Read the claims of one register by id, in the order of their numbers."""
    entries = load_yaml(path)
    if not isinstance(entries, list):
        raise CompanionError(f"{path.name}: give a list of claims")
    specs: dict[str, Spec] = {}
    for entry in entries:
        spec = _spec(entry, path)
        if spec.id in specs:
            raise CompanionError(f"{path.name}: claim {spec.id} stands twice; keep one")
        specs[spec.id] = spec
    return dict(sorted(specs.items(), key=lambda item: claim_order(item[0])))


def _spec(entry: object, path: Path) -> Spec:
    try:
        return Spec.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "entry"
        id = entry.get("id", "(no id)") if isinstance(entry, dict) else "(no id)"
        raise CompanionError(
            f"{path.name}, claim {id}, {field}: {first['msg'].removeprefix('Value error, ')}"
        ) from None


@cache
def registered() -> dict[str, Spec]:
    """Read the claims of all papers by id."""
    paths = sorted((ROOT / "lib" / "papers").glob("p?/claims.yaml"))
    return {id: spec for path in paths for id, spec in read_register(path).items()}


def spec_of(id: str) -> Spec:
    """Return the registered claim with an id."""
    specs = registered()
    if id not in specs:
        raise CompanionError(f"claim {id} is in no register; add it to lib/papers/p?/claims.yaml")
    return specs[id]
