"""Judge claims: turn the measurements of a study into verdicts, by the rules of the register."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lib.base.errors import CompanionError
from lib.report.claims import Claim, Judged, Measured, Unmeasured, said_number, said_rule
from lib.report.effects import Effect
from lib.report.register import Control, Part, Spec, spec_of
from lib.report.verdicts import Verdict, near_its_margin, outcome, reaches, verdict


@dataclass(frozen=True)
class Evidence:
    """The measurements of a study for a claim, under the names of its register."""

    id: str
    parts: Mapping[str, Effect | str]
    """The effect of every part; for a part that this world cannot measure, the reason."""
    seeds: Sequence[int]
    """Seeds of the trained models; empty where nothing is trained."""
    n: int
    """Number of measured pictures, pairs, queries or questions."""
    positive: Effect | None = None
    """The positive control of the register, in the unit of the headline."""
    negative: Effect | None = None
    """The negative control of the register, in the unit of the headline."""
    context: Mapping[str, Effect] = field(default_factory=dict)
    """Further numbers that help a reader to judge the effect; they do not decide anything."""


def not_measured(id: str, why: str) -> Evidence:
    """Make the evidence of a world that lacks something that the claim needs."""
    return Evidence(id, {spec_of(id).headline.name: why}, [], 0)


def judge(evidence: Evidence, notebook: str, spec: Spec | None = None) -> Claim:
    """Judge evidence by the register's rules. spec: used in place of the register's, for tests."""
    spec = spec or spec_of(evidence.id)
    _check(evidence, spec)
    evidence, lacking = _with_values(evidence)
    judged = [
        _judged(part, effect) for part in spec.parts if isinstance(effect := evidence.parts.get(part.name), Effect)
    ]
    headline = next((one for one in judged if one.name == spec.headline.name), None)
    sides = [one for one in judged if one is not headline]
    positive_fails = evidence.positive is not None and not reaches(evidence.positive, spec.headline)
    negative_reaches = evidence.negative is not None and outcome(evidence.negative, spec.headline) == "reproduced"
    given: Verdict = "not testable here"
    near = False
    if headline is not None:
        given = verdict(
            headline.outcome,
            [one.outcome for one in sides],
            positive_fails=positive_fails,
            negative_reaches=negative_reaches,
        )
        near = given != "not testable here" and _near(headline, sides)
    return Claim(
        id=evidence.id,
        statement=spec.statement,
        notebook=notebook,
        seeds=list(evidence.seeds),
        n=evidence.n,
        headline=headline,
        sides=sides,
        positive=_measured(spec.positive.name, evidence.positive) if spec.positive and evidence.positive else None,
        negative=_measured(spec.negative.name, evidence.negative) if spec.negative and evidence.negative else None,
        unmeasured=[
            Unmeasured(name=name, why=why)
            for name, why in [*evidence.parts.items(), *lacking.items()]
            if isinstance(why, str)
        ],
        context=[_measured(name, effect) for name, effect in evidence.context.items()],
        verdict=given,
        near=near,
        why=_why(evidence, spec, headline, sides, positive_fails, negative_reaches),
    )


def _with_values(evidence: Evidence) -> tuple[Evidence, dict[str, str]]:
    """Replace each part without a value by the reason, drop controls and further numbers without a value, and return
    the reasons of these by name.
    """
    whys = {name: _no_value(effect, evidence.seeds) for name, effect in evidence.parts.items()}
    parts = {name: whys[name] or effect for name, effect in evidence.parts.items()}
    rest = {"positive control": evidence.positive, "negative control": evidence.negative, **evidence.context}
    lacking = {name: why for name, effect in rest.items() if (why := _no_value(effect, evidence.seeds))}
    known = {name: effect for name, effect in evidence.context.items() if name not in lacking}
    positive = None if "positive control" in lacking else evidence.positive
    negative = None if "negative control" in lacking else evidence.negative
    return replace(evidence, parts=parts, positive=positive, negative=negative, context=known), lacking


def _no_value(effect: Effect | str | None, seeds: Sequence[int]) -> str | None:
    """Say why an effect cannot be judged, if some of its values are missing."""
    if not isinstance(effect, Effect) or not effect.missing:
        return None
    if len(effect.missing) == len(effect.values) or len(effect.values) != len(seeds):
        return "no value"
    return f"no value with seeds {', '.join(str(seeds[place]) for place in effect.missing)}"


def _check(evidence: Evidence, spec: Spec) -> None:
    """Refuse evidence that does not fit the register: a part that is missing or unknown, an unregistered control."""
    headline_missing = isinstance(evidence.parts.get(spec.headline.name), str)
    known = {part.name for part in spec.parts}
    missing = [] if headline_missing else sorted(known - set(evidence.parts))
    unknown = sorted(set(evidence.parts) - known)
    if missing or unknown:
        what = f"part {missing[0]!r} was not measured" if missing else f"part {unknown[0]!r} is not in the register"
        raise CompanionError(f"claim {evidence.id}: {what}; the register has {', '.join(sorted(known))}")
    for kind, effect, control in (
        ("positive", evidence.positive, spec.positive),
        ("negative", evidence.negative, spec.negative),
    ):
        if effect is not None and control is None:
            raise CompanionError(f"claim {evidence.id}: its register names no {kind} control; add it there")
    for name, measured in evidence.parts.items():
        if isinstance(measured, Effect) and measured.trained and len(measured.values) != len(evidence.seeds):
            raise CompanionError(
                f"claim {evidence.id}, part {name}: {len(measured.values)} values for {len(evidence.seeds)} seeds; "
                "give one per seed"
            )


def _measured(name: str, effect: Effect) -> Measured:
    return Measured(name=name, **_interval(effect))


def _judged(part: Part, effect: Effect) -> Judged:
    return Judged(
        name=part.name,
        **_interval(effect),
        rule=part.rule,
        margin=part.margin,
        zero=part.zero,
        outcome=outcome(effect, part),
        near=near_its_margin(effect, part),
    )


def _interval(effect: Effect) -> dict[str, Any]:
    ends = {"mean": effect.mean, "low": effect.low, "high": effect.high, "redraw": effect.redraw}
    return {"values": list(effect.values), **ends}


def _near(headline: Judged, sides: Sequence[Judged]) -> bool:
    """True if the verdict depends on a part near its margin; side parts count only where the headline holds."""
    return headline.near or (headline.outcome == "reproduced" and any(side.near for side in sides))


def _why(
    evidence: Evidence,
    spec: Spec,
    headline: Judged | None,
    sides: Sequence[Judged],
    positive_fails: bool,
    negative_reaches: bool,
) -> str:
    if headline is None:
        return str(evidence.parts[spec.headline.name])
    said = [_in_words(part) for part in (headline, *sides)]
    said += [f"{name}: not measured, {why}" for name, why in evidence.parts.items() if isinstance(why, str)]
    decided = []
    if positive_fails and spec.positive and evidence.positive:
        decided.append(f"{_value(spec.positive, evidence.positive)} does not reach the margin, so nothing could")
    if negative_reaches and spec.negative and evidence.negative:
        decided.append(f"{_value(spec.negative, evidence.negative)} reaches the margin, so reaching it means nothing")
    return "; ".join([*decided, *said])


def _value(control: Control, effect: Effect) -> str:
    return f"{control.name} ({effect.mean:.3g})"


def _in_words(part: Judged) -> str:
    return f"{part.name}: {said_number(part)}, {said_rule(part)}: {part.outcome}"
