"""The controlled vectors have the properties that they declare."""

from __future__ import annotations

import numpy as np
import pytest

from lib.base.errors import CompanionError
from lib.data.controlled_pairs import PRIVATE, SHARED, SHARED_ACTIVE, _directions, controlled


@pytest.mark.parametrize("rho", [0.3, 0.85, 1.0])
def test_directions_have_the_cosine(rho):
    first, second = _directions(np.random.default_rng(0), rho)
    np.testing.assert_allclose((first * second).sum(axis=1), rho)
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1)


def test_pairs_are_unit_and_share_their_concepts():
    drawn = controlled(0.85, 300, 0)
    for member in (drawn.image, drawn.text, drawn.prompts):
        np.testing.assert_allclose(np.linalg.norm(member, axis=1), 1, atol=1e-6)
    assert ((drawn.amounts > 0).sum(axis=1) == SHARED_ACTIVE).all() and drawn.amounts.shape == (300, SHARED)
    assert PRIVATE < SHARED and drawn.strongest.tolist() == drawn.amounts.argmax(axis=1).tolist()
    matched = (drawn.image * drawn.text).sum(axis=1).mean()
    assert matched > (drawn.image * np.roll(drawn.text, 1, axis=0)).sum(axis=1).mean() + 0.2


def test_the_gap_is_where_it_was_put():
    wide, none = (controlled(1.0, 300, 0, gap=gap) for gap in (1.0, 0.0))
    distance = [np.linalg.norm(c.image.mean(axis=0) - c.text.mean(axis=0)) for c in (wide, none)]
    assert distance[0] > 3 * distance[1]


def test_parts_share_the_world_and_a_seed_repeats():
    first, again, part = controlled(0.7, 50, 3), controlled(0.7, 50, 3), controlled(0.7, 50, 3, part=1)
    assert np.array_equal(first.image, again.image) and first.identity == again.identity
    assert np.array_equal(first.prompts, part.prompts) and not np.array_equal(first.image, part.image)


@pytest.mark.parametrize(("arguments", "message"), [((0.0, 5, 0), "rho is 0.0"), ((0.5, 0, 0), "0 pairs")])
def test_errors(arguments, message):
    with pytest.raises(CompanionError, match=message):
        controlled(*arguments)
