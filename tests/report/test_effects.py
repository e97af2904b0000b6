from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lib.base.errors import CompanionError
from lib.report.effects import Effect, exactly, nested, over_items, over_seeds


def test_an_effect_over_seeds_has_the_t_interval_of_scipy() -> None:
    values = [0.2, 0.5, 0.3, 0.4, 0.1]
    low, high = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    effect = over_seeds(values)
    assert (effect.mean, effect.low, effect.high) == pytest.approx((0.3, low, high))


def test_another_draw_of_seeds_is_within_its_prediction_interval_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(size=(2, 4000, 5))
    inside = [abs(over_seeds(a).mean - b.mean()) <= over_seeds(a).redraw for a, b in zip(first, second, strict=True)]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.012)


def test_a_single_seed_has_no_interval_and_a_number_without_scatter_is_its_own() -> None:
    assert (over_seeds([0.4]).low, over_seeds([0.4]).high) == (None, None)
    exact = exactly(0.4)
    assert (exact.low, exact.mean, exact.high, exact.redraw) == (0.4, 0.4, 0.4, 0.0)


def test_an_effect_over_items_has_a_bootstrap_interval_and_does_not_vary_with_a_seed() -> None:
    items = np.random.default_rng(1).normal(1.0, 2.0, size=400)
    effect = over_items(items)
    half = 1.96 * items.std() / 20
    assert effect.mean == pytest.approx(items.mean())
    assert (effect.low, effect.high) == pytest.approx((items.mean() - half, items.mean() + half), abs=0.05)
    assert effect.redraw == 0.0


def test_seeds_that_share_their_items_have_the_scatter_of_both() -> None:
    shared = np.random.default_rng(2).normal(0.5, 1.0, size=100)
    same = nested(np.stack([shared, shared, shared]))
    alone = over_seeds([shared.mean()] * 3)
    assert alone.high - alone.low == pytest.approx(0.0)
    assert same.low == pytest.approx(over_items(shared).low) and same.high == pytest.approx(over_items(shared).high)
    apart = nested(np.stack([shared - 0.2, shared, shared + 0.2]))
    assert apart.low < same.low and apart.high > same.high and apart.redraw > 0


@pytest.mark.parametrize("values", [[], [np.inf], [np.nan, -np.inf]])
def test_what_is_no_number_is_refused(values: list[float]) -> None:
    with pytest.raises(CompanionError, match="give finite numbers"):
        over_seeds(values)


def test_what_has_no_value_with_some_seed_is_known_by_it() -> None:
    assert over_seeds([0.1, np.nan, 0.2]).missing == [1] and over_seeds([0.1]).missing == []
    assert nested(np.array([[1.0, np.nan], [1.0, 2.0]])).missing == [0]


@pytest.mark.parametrize("items", [np.zeros(3), np.zeros((2, 0)), np.zeros((1, 1, 1))])
def test_items_of_another_shape_are_refused(items: np.ndarray) -> None:
    with pytest.raises(CompanionError, match=r"give \(seeds, items\)"):
        nested(items)


def test_an_infinite_half_width_is_refused() -> None:
    with pytest.raises(CompanionError, match="give finite numbers"):
        Effect((0.1,), below=np.inf)
