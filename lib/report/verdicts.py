"""Derive verdicts from intervals, by rules without judgement.

A part compares the 95 % interval of an effect with a margin that was fixed before any result. The headline part decides
the verdict, the side parts decide whether it is complete, and the controls whether there is a verdict at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

from lib.report.effects import Effect
from lib.report.register import Part

Outcome = Literal["reproduced", "weaker", "no effect seen", "undecided", "opposite"]
"""The result of one part."""

Verdict = Literal["reproduced", "partly", "weaker", "no effect seen", "undecided", "opposite", "not testable here"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


def outcome(effect: Effect, part: Part) -> Outcome:
    """Return the result of a part for the interval of an effect.

    reproduced: the interval lies beyond the margin. weaker: beyond the zero value, but not beyond the margin. no effect
    seen: it contains the zero value and excludes the margin. undecided: it contains both. opposite: it lies on the
    other side of the zero value. For `within`, reproduced: inside the margins; opposite: outside them; undecided: it
    contains one. A single seed has no interval, so it leaves every part undecided.

    Examples
    --------
    >>> from lib.report.effects import over_seeds
    >>> part = Part(name="gain", measure="accuracy, A minus B", rule="above", margin=0.05, why="an example")
    >>> outcome(over_seeds([0.11, 0.12, 0.13]), part), outcome(over_seeds([0.11, 0.12, -0.13]), part)
    ('reproduced', 'undecided')
    """
    low, high = _towards(effect, part)
    margin = abs(part.margin - part.zero)
    if part.rule == "within":
        if -margin < low and high < margin:
            return "reproduced"
        return "opposite" if low > margin or high < -margin else "undecided"
    if low > margin:
        return "reproduced"
    if low > 0:
        return "weaker"
    if high < 0:
        return "opposite"
    return "no effect seen" if high < margin else "undecided"


def reaches(effect: Effect, part: Part) -> bool:
    """True if the mean of a positive control is beyond the margin (for `within`: inside the margins)."""
    margin = abs(part.margin - part.zero)
    distance = effect.mean - part.zero
    if part.rule == "within":
        return abs(distance) < margin
    return (distance if part.rule == "above" else -distance) > margin


def near_its_margin(effect: Effect, part: Part) -> bool:
    """True if another draw of seeds could lead to another outcome, because an end of the interval is near a bound."""
    low, high = _towards(effect, part)
    margin = abs(part.margin - part.zero)
    bounds = (-margin, margin) if part.rule == "within" else (0.0, margin)
    return any(abs(end - bound) <= effect.redraw for end in (low, high) for bound in bounds)


def verdict(
    headline: Outcome, sides: Sequence[Outcome], *, positive_fails: bool = False, negative_reaches: bool = False
) -> Verdict:
    """Return the verdict of a claim: that of its headline part, or `partly` where a side part does not hold."""
    if positive_fails or negative_reaches:
        return "not testable here"
    if headline != "reproduced":
        return headline
    return "reproduced" if all(side == "reproduced" for side in sides) else "partly"


def _towards(effect: Effect, part: Part) -> tuple[float, float]:
    """Return the interval measured from the zero value, in the direction of the rule."""
    if effect.low is None or effect.high is None:
        return -math.inf, math.inf
    low, high = effect.low - part.zero, effect.high - part.zero
    return (-high, -low) if part.rule == "below" else (low, high)
