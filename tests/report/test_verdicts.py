from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.report.effects import Effect, over_seeds
from lib.report.register import Part
from lib.report.verdicts import near_its_margin, outcome, reaches, verdict


def part(rule: str, margin: float, zero: float = 0.0) -> Part:
    return Part(name="a", measure="b", rule=rule, margin=margin, zero=zero, why="c")


def interval(low: float, high: float) -> Effect:
    """An effect with this interval."""
    return Effect(((low + high) / 2,), trained=False, below=(high - low) / 2, above=(high - low) / 2)


ABOVE = [  # binary fractions, so that an end is exactly at a bound
    ((0.140625, 0.25), "reproduced"),
    ((0.125, 0.25), "weaker"),  # the margin itself is not beyond the margin
    ((0.015625, 0.25), "weaker"),
    ((0.015625, 0.0625), "weaker"),
    ((0.0, 0.0625), "no effect seen"),
    ((-0.015625, 0.0625), "no effect seen"),
    ((-0.015625, 0.125), "undecided"),
    ((-0.015625, 0.25), "undecided"),
    ((-0.25, -0.015625), "opposite"),
    ((-0.25, 0.0625), "no effect seen"),
    ((-0.25, 0.0), "no effect seen"),
]


@pytest.mark.parametrize(("ends", "wanted"), ABOVE)
def test_where_an_interval_lies_decides_a_part(ends: tuple[float, float], wanted: str) -> None:
    low, high = ends
    assert outcome(interval(low, high), part("above", 0.125)) == wanted
    assert outcome(interval(-high, -low), part("below", -0.125)) == wanted
    assert outcome(interval(low + 0.5, high + 0.5), part("above", 0.625, zero=0.5)) == wanted


@pytest.mark.parametrize(
    ("ends", "wanted"),
    [
        ((-0.01, 0.01), "reproduced"),
        ((0.001, 0.019), "reproduced"),
        ((-0.021, 0.01), "undecided"),
        ((0.01, 0.03), "undecided"),
        ((-0.03, 0.03), "undecided"),
        ((0.021, 0.03), "opposite"),
        ((-0.03, -0.021), "opposite"),
    ],
)
def test_equal_within_a_margin_is_equivalence(ends: tuple[float, float], wanted: str) -> None:
    assert outcome(interval(*ends), part("within", 0.02)) == wanted
    assert outcome(interval(ends[0] + 1, ends[1] + 1), part("within", 1.02, zero=1.0)) == wanted


@pytest.mark.parametrize("ends", [(-0.125, 0.0), (0.0, 0.125), (0.125, 0.25), (-0.25, -0.125)])
def test_an_interval_that_ends_at_a_margin_is_neither_inside_nor_outside(ends: tuple[float, float]) -> None:
    assert outcome(interval(*ends), part("within", 0.125)) == "undecided"
    assert near_its_margin(interval(*ends), part("within", 0.125))


def test_a_margin_at_the_null_value_asks_for_the_sign_alone() -> None:
    assert outcome(interval(0.001, 1), part("above", 0.0)) == "reproduced"
    assert outcome(interval(-0.001, 1), part("above", 0.0)) == "undecided"
    assert outcome(interval(-1, -0.001), part("above", 0.0)) == "opposite"


@pytest.mark.parametrize("rule", ["above", "below", "within"])
def test_a_single_seed_decides_nothing(rule: str) -> None:
    one = part(rule, -0.1 if rule == "below" else 0.1)
    for value in (-5.0, 0.0, 5.0):
        assert outcome(over_seeds([value]), one) == "undecided"
        assert not near_its_margin(over_seeds([value]), one)


@given(st.floats(-3, 3), st.floats(0.001, 2), st.floats(0.001, 2))
def test_every_interval_has_one_outcome_and_more_is_never_worse(low: float, length: float, margin: float) -> None:
    order = ["opposite", "no effect seen", "undecided", "weaker", "reproduced"]
    here, higher = (outcome(interval(x, x + length), part("above", margin)) for x in (low, low + 0.5))
    assert order.index(here) <= order.index(higher)


@pytest.mark.parametrize(
    ("headline", "sides", "wanted"),
    [
        ("reproduced", [], "reproduced"),
        ("reproduced", ["reproduced", "reproduced"], "reproduced"),
        ("reproduced", ["reproduced", "weaker"], "partly"),
        ("reproduced", ["undecided"], "partly"),
        ("reproduced", ["opposite"], "partly"),
        ("weaker", ["reproduced"], "weaker"),
        ("opposite", ["reproduced"], "opposite"),
        ("undecided", [], "undecided"),
        ("no effect seen", ["reproduced"], "no effect seen"),
    ],
)
def test_the_headline_decides_and_sides_make_it_whole(headline: str, sides: list[str], wanted: str) -> None:
    assert verdict(headline, sides) == wanted
    assert verdict(headline, sides, positive_fails=True) == "not testable here"
    assert verdict(headline, sides, negative_reaches=True) == "not testable here"


@pytest.mark.parametrize(
    ("rule", "margin", "reached", "missed"),
    [
        ("above", 0.1, 0.11, 0.09),
        ("below", -0.1, -0.11, -0.09),
        ("within", 0.1, -0.09, -0.11),
        ("above", 0.125, 0.25, 0.125),
        ("within", 0.125, 0.0625, 0.125),
    ],
)
def test_a_control_reaches_the_margin_by_its_mean(rule: str, margin: float, reached: float, missed: float) -> None:
    assert reaches(over_seeds([reached] * 3), part(rule, margin))
    assert not reaches(over_seeds([missed] * 3), part(rule, margin))


def test_a_control_reaches_a_margin_in_units_from_its_null_value() -> None:
    assert reaches(over_seeds([0.9, 0.9]), part("above", 0.85, zero=0.5))
    assert not reaches(over_seeds([0.6, 0.6]), part("above", 0.85, zero=0.5))
    assert reaches(over_seeds([1.01, 1.01]), part("within", 1.02, zero=1.0))


def test_near_is_where_another_draw_could_end_beyond_a_bound() -> None:
    values = [0.1, 0.2, 0.3]
    effect = over_seeds(values)
    assert effect.redraw == pytest.approx(math.sqrt(2) * (effect.high - effect.low) / 2)
    for bound in (effect.low - 0.99 * effect.redraw, effect.low + 0.99 * effect.redraw):
        assert near_its_margin(effect, part("above", bound, zero=bound - 10))
    far = effect.low - 1.01 * effect.redraw
    assert not near_its_margin(effect, part("above", far, zero=far - 10))
    assert near_its_margin(effect, part("above", 10.0, zero=effect.low))
    assert near_its_margin(effect, part("within", effect.high + 0.1, zero=0.0))
    assert not near_its_margin(effect, part("within", 10.0, zero=0.0))
