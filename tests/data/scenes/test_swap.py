"""Captions with one wrong fact: one word apart, false of their scene, true of the altered picture."""

from __future__ import annotations

import numpy as np
import pytest

from lib.base.errors import CompanionError
from lib.data.scenes import picture_of, truth_of
from lib.data.scenes.scene_grammar import FACTORS, true_of
from lib.data.scenes.swap import SWAPPED, swaps


@pytest.mark.parametrize("told", [2, 6, 12])
def test_one_fact_is_wrong(told: int) -> None:
    found, truth = swaps("test", 60, told), truth_of("test", 60)
    scenes, things = truth.scenes[found.scenes], truth.things[found.scenes]
    assert true_of(found.asserted, scenes, things).diagonal().all()
    assert not true_of(found.wrong, scenes, things).diagonal().any()
    changed = found.wrong != found.asserted
    assert (changed.sum(axis=1) == 1).all() and (changed.argmax(axis=1) == found.factor).all()
    assert {FACTORS[factor] for factor in found.factor} <= set(SWAPPED)
    assert len(found.scenes) > (55 if told > 2 else 30)


def test_only_that_word_differs() -> None:
    found = swaps("test", 60, 6)
    for (own,), (altered,), (again,) in zip(
        found.own.captions or (), found.altered.captions or (), found.rephrased.captions or (), strict=True
    ):
        first, second = (text.replace(" an ", " a ").removeprefix("an ").removeprefix("a ") for text in (own, altered))
        words = [{*first.split()}, {*second.split()}]
        assert len(words[0] - words[1]) <= 3 and len(words[1] - words[0]) <= 3 and first != second
        assert again
    differ = [a != b for a, b in zip(found.own.captions or (), found.rephrased.captions or (), strict=True)]
    assert np.mean(differ) > 0.9


def test_the_altered_picture_differs_and_all_is_repeatable() -> None:
    found, again = swaps("test", 12, 6), swaps("test", 12, 6)
    assert found.altered.captions == again.altered.captions and found.pictures.images is not None
    for row, scene in enumerate(found.scenes):
        new, old = np.asarray(found.pictures.images[row]), picture_of("test", 0, int(scene))
        assert new.shape == old.shape and (new != old).any()
        np.testing.assert_array_equal(new, np.asarray(again.pictures.images[row]))  # type: ignore[index]
    identities = [part.identity["part"] for part in (found.own, found.altered, found.rephrased, found.pictures)]
    assert len(set(identities)) == 4


def test_too_few_or_too_many_facts() -> None:
    for told in (0, 13):
        with pytest.raises(CompanionError, match="give 1 to 12"):
            swaps("test", 5, told)
