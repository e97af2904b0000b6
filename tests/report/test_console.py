from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.report.console import NEAR_EDGE, about, say, say_seeds, verdict_line
from tests.report.examples import example


def test_lines(capsys):
    say("the SAE lies above raw neurons", True)
    say("and above the untrained SAE", np.bool_(False))
    say_seeds("the mean falls with K", [True, True, False])
    verdict_line(example())
    assert capsys.readouterr().out.splitlines() == [
        "[yes] the SAE lies above raw neurons",
        "[no] and above the untrained SAE",
        "[2 of 3 seeds] the mean falls with K",
        "p1.C4 · reproduced · sparser dictionaries are more monosemantic, and reconstruct worse",
    ]


@pytest.mark.parametrize(
    ("x", "step", "text"),
    [
        (0.0331, 0.01, "0.03"),
        (np.float32(0.31), 0.05, "0.30"),
        (-0.001, 0.01, "0.00"),
        (1234, 100, "1200"),
        (33.1, 10, "30"),
        (2.01, 0.5, "2.0"),
        (1e-7, 1e-7, "0.0000001"),
    ],
)
def test_about_rounds_to_the_step(x, step, text):
    assert about(x, step) == text


@given(st.floats(-1e6, 1e6), st.sampled_from([0.01, 0.05, 0.1, 0.5, 1, 10, 100]))
def test_about_is_the_nearest_multiple_and_tells_an_edge(x, step):
    text, _, note = about(x, step).partition(" ")
    unit = Decimal(str(step))
    off = abs(Decimal(str(x)) - Decimal(text)) / unit
    assert off <= Decimal("0.5") and Decimal(text) % unit == 0
    assert not (text.startswith("-") and Decimal(text) == 0)
    assert note == (NEAR_EDGE if off > Decimal("0.4") else "")


@pytest.mark.parametrize(("x", "step"), [(float("nan"), 0.1), (float("inf"), 0.1), (1.0, 0.0), (1.0, -1)])
def test_about_refuses_what_has_no_multiple(x, step):
    with pytest.raises(CompanionError, match="finite number and a step above 0"):
        about(x, step)
