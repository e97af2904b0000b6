"""From measured effects to a verdict by rules without judgement.

A notebook states its margin before it looks, asks one rule below for every seed, and gives the answers to `verdict`.
A claim of several parts gets one verdict a part and `combine`s them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from lib.data.errors import CompanionError

Verdict = Literal["reproduced", "partly", "not reproduced", "not testable here"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


def verdict(holds: Sequence[bool]) -> Verdict:
    """All seeds hold: reproduced; more than half of them: partly; else not reproduced."""
    if len(holds) == 0:
        raise CompanionError("a verdict needs at least one seed; use 'not testable here' where nothing was measured")
    kept = sum(bool(one) for one in holds)
    if kept == len(holds):
        return "reproduced"
    return "partly" if 2 * kept > len(holds) else "not reproduced"


def combine(parts: Sequence[Verdict]) -> Verdict:
    """The verdict of a claim whose parts were judged apart.

    All parts reproduced: reproduced. At least one reproduced or partly: partly. None testable: not testable here.
    Else not reproduced.
    """
    unknown = [part for part in parts if part not in VERDICTS]
    if unknown or len(parts) == 0:
        raise CompanionError(f"cannot combine {list(parts)!r}; give one of {', '.join(VERDICTS)} for each part")
    if set(parts) == {"reproduced"}:
        return "reproduced"
    if set(parts) & {"reproduced", "partly"}:
        return "partly"
    return "not testable here" if set(parts) == {"not testable here"} else "not reproduced"


def above(effects: ArrayLike, margin: float) -> list[bool]:
    """Per seed, whether the effect exceeds `margin`. effects: (seeds,)."""
    return [bool(effect > margin) for effect in _finite(effects, 1)]


def below(effects: ArrayLike, margin: float) -> list[bool]:
    """Per seed, whether the effect is less than `margin`. effects: (seeds,)."""
    return [bool(effect < margin) for effect in _finite(effects, 1)]


def near(effects: ArrayLike, target: float, margin: float) -> list[bool]:
    """Per seed, whether the effect lies within `margin` of `target`. effects: (seeds,)."""
    return [bool(abs(effect - target) <= margin) for effect in _finite(effects, 1)]


def rising(curves: ArrayLike, margin: float) -> list[bool]:
    """Per seed, whether the curve ends more than `margin` above its start and no step falls by more than `margin`.

    curves: (seeds, points), at least two points. With margin 0 this is a monotone rise.
    """
    checked = _finite(curves, 2, points=2)
    return [bool(curve[-1] - curve[0] > margin and np.diff(curve).min() >= -margin) for curve in checked]


def falling(curves: ArrayLike, margin: float) -> list[bool]:
    """`rising`, upside down."""
    return rising(-_finite(curves, 2, points=2), margin)


def humped(curves: ArrayLike, margin: float) -> list[bool]:
    """Per seed, whether the curve's highest point lies more than `margin` above both of its ends.

    curves: (seeds, points), at least three points.
    """
    return [bool(curve.max() - max(curve[0], curve[-1]) > margin) for curve in _finite(curves, 2, points=3)]


def _finite(values: ArrayLike, dimensions: int, points: int = 1) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != dimensions or array.size == 0 or array.shape[-1] < points:
        wanted = "one effect a seed" if dimensions == 1 else f"(seeds, points) with at least {points} points"
        raise CompanionError(f"effects have shape {array.shape}; give {wanted}")
    if not np.isfinite(array).all():
        raise CompanionError("effects hold NaN or infinity; leave out what could not be measured and say so in `why`")
    return array
