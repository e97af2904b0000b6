"""Functions that print in the cells which the notebook gate compares.

The gate compares text exactly, so such cells print statements with their thresholds, counts, and coarsely rounded
numbers, which are the same on every machine. Verdicts, and the number of seeds in which a statement holds, may differ
by one step where a seed is near its margin; the gates allow both. Precise tables go to cells tagged
`nbval-ignore-output`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from lib.base.errors import CompanionError
from lib.report.claims import Claim

EDGE = 0.1
"""Share of a step around a rounding edge that `about` calls near."""

NEAR_EDGE = "(near a rounding edge)"
"""The text that `about` adds near such an edge; the notebook lint refuses it in committed outputs."""


def say(statement: str, holds: bool) -> None:
    """Print `[yes] statement` or `[no] statement`."""
    print(f"[{'yes' if holds else 'no'}] {statement}")


def say_seeds(statement: str, holds: Sequence[bool]) -> None:
    """Print in how many seeds a statement held: `[3 of 3 seeds] statement`."""
    print(f"[{sum(bool(one) for one in holds)} of {len(holds)} seeds] {statement}")


def verdict_line(claim: Claim, column: str | None = None) -> None:
    """Print `p1.C3 · reproduced · statement`; with a column, `p3.C1 (controlled) · reproduced · statement`."""
    print(f"{claim.id}{f' ({column})' if column else ''} · {claim.verdict} · {claim.statement}")


def about(x: float, step: float) -> str:
    """Round `x` to the nearest multiple of `step`, as text: `about(0.0331, 0.01)` is "0.03".

    Choose a step at least 100 times the difference between machines. Near a rounding edge that is not enough: the text
    then says so, and you had better print a statement with its threshold.
    """
    if not np.isfinite(x) or not step > 0:
        raise CompanionError(f"about({x}, {step}) needs a finite number and a step above 0")
    # The decimal of the shortest text makes 0.1 a tenth, so multiples print without binary dust.
    unit = Decimal(str(float(step))).normalize()
    places = Decimal(str(float(x))) / unit
    text = f"{places.to_integral_value() * unit + 0:f}"
    near = abs(abs(places % 1) - Decimal("0.5")) < Decimal(str(EDGE))
    return f"{text} {NEAR_EDGE}" if near else text
