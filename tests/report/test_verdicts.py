from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.data.errors import CompanionError
from lib.report.verdicts import VERDICTS, above, below, combine, falling, humped, near, rising, verdict

numbers = st.floats(-100, 100)
curves = st.lists(numbers, min_size=3, max_size=6).map(lambda curve: [curve])


@pytest.mark.parametrize(
    ("holds", "wanted"),
    [
        ([True], "reproduced"),
        ([True, True, True], "reproduced"),
        ([True, True, False], "partly"),
        ([True, False], "not reproduced"),
        ([True, False, False], "not reproduced"),
        ([False], "not reproduced"),
    ],
)
def test_verdict_counts_seeds(holds, wanted):
    assert verdict(holds) == wanted


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        (["reproduced", "reproduced"], "reproduced"),
        (["reproduced", "not reproduced"], "partly"),
        (["reproduced", "not testable here"], "partly"),
        (["partly", "partly"], "partly"),
        (["not reproduced", "not reproduced"], "not reproduced"),
        (["not reproduced", "not testable here"], "not reproduced"),
        (["not testable here"], "not testable here"),
    ],
)
def test_combine(parts, wanted):
    assert combine(parts) == wanted


@given(st.lists(st.sampled_from(VERDICTS), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_combine_does_not_depend_on_order_or_repetition(parts, random):
    shuffled = [*parts, parts[0]]
    random.shuffle(shuffled)
    assert combine(shuffled) == combine(parts)


@given(st.lists(numbers, min_size=1, max_size=5), numbers)
def test_above_and_below_are_mirror_images_and_never_both(effects, margin):
    assert above(effects, margin) == below([-effect for effect in effects], -margin)
    assert not any(high and low for high, low in zip(above(effects, margin), below(effects, margin), strict=True))


def test_near_includes_its_edge():
    assert near([1.0, 1.5, 1.6], 1.0, 0.5) == [True, True, False]


@given(curves, st.floats(0, 10))
def test_a_curve_never_rises_and_falls(curve, margin):
    assert not (rising(curve, margin)[0] and falling(curve, margin)[0])


@given(curves)
def test_without_margin_rising_is_monotone(curve):
    steps = list(zip(curve[0], curve[0][1:], strict=False))
    monotone = all(after >= before for before, after in steps) and any(after > before for before, after in steps)
    # A difference too small for a float64 subtraction is no step.
    assert rising(curve, 0) == [monotone and bool(np.float64(curve[0][-1]) - curve[0][0] > 0)]


def test_rising_forgives_a_dip_within_its_margin():
    assert rising([[0.1, 0.3, 0.26, 0.4], [0.1, 0.3, 0.2, 0.4]], 0.05) == [True, False]


def test_humped_needs_both_ends_lower():
    assert humped([[0.1, 0.4, 0.2], [0.1, 0.4, 0.38], [0.4, 0.3, 0.1]], 0.05) == [True, False, False]


def test_bad_input_is_refused_in_one_line():
    with pytest.raises(CompanionError, match="at least one seed"):
        verdict([])
    with pytest.raises(CompanionError, match="cannot combine"):
        combine([])
    with pytest.raises(CompanionError, match=r"cannot combine \['yes'\]"):
        combine(["yes"])
    with pytest.raises(CompanionError, match="NaN or infinity"):
        above([1.0, float("nan")], 0)
    with pytest.raises(CompanionError, match="one effect a seed"):
        below([[1.0]], 0)
    with pytest.raises(CompanionError, match="at least 3 points"):
        humped([[1.0, 2.0]], 0)
    with pytest.raises(CompanionError, match="shape"):
        rising([], 0)
