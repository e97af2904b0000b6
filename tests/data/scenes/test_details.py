"""Captions about details: everything but the kind of the main object, and nothing else is changed."""

from __future__ import annotations

import numpy as np
import pytest

from lib.data.procedural import SILENT, choose
from lib.data.scenes import scenes, truth_of
from lib.data.scenes.dial import MIXED, dial
from lib.data.scenes.scene_grammar import FACTORS
from lib.data.scenes.scene_pairs import MOST_DETAILS
from lib.data.scenes.swap import swaps


@pytest.mark.parametrize("told", [MIXED, 1, 6, 12])
def test_the_dial_tells_as_many_details_as_asked(told: int) -> None:
    made = dial("test", 200, told, details=True)
    assert (made.asserted[:, 0] == SILENT).all() and made.holds().diagonal().all()
    said, there = (made.asserted != SILENT).sum(axis=1), (made.truth.scenes != SILENT).sum(axis=1) - 1
    if told == MIXED:
        assert set(said.tolist()) == set(range(1, MOST_DETAILS + 1))
    else:
        assert (said == np.minimum(told, there)).all()
    assert set(np.flatnonzero((made.asserted != SILENT).any(axis=0))) == set(range(1, len(FACTORS)))


def test_pairs_have_a_short_and_a_long_caption_about_details() -> None:
    pairs, truth, plain = scenes("test", 100, details=True), truth_of("test", 100, details=True), scenes("test", 100)
    assert (truth.asserted[:, :, 0] == SILENT).all() and (truth.scenes == truth_of("test", 100).scenes).all()
    short, long = (truth.asserted != SILENT).sum(axis=2).T
    assert short.min() == 2 and short.max() == 4 and long.max() == MOST_DETAILS and long.min() >= 5
    assert pairs.captions != plain.captions and pairs.identity != plain.identity
    assert (pairs.ids == plain.ids).all() and scenes("test", 9, details=True).captions == pairs.captions[:9]


def test_captions_differ_by_their_number_and_from_captions_of_all_facts() -> None:
    made = [dial("test", 30, 4, caption=caption, details=details) for caption in (0, 1) for details in (False, True)]
    assert len({one.pairs.captions for one in made}) == len({str(one.pairs.identity) for one in made}) == 4


def test_swaps_of_details() -> None:
    found = swaps("test", 40, 6, details=True)
    assert (found.asserted[:, 0] == SILENT).all() and (found.wrong[:, 0] == SILENT).all()
    assert set(found.factor) <= {FACTORS.index(name) for name in ("colour", "texture", "background", "pattern")}
    assert found.own.identity != swaps("test", 40, 6).own.identity


def test_a_silent_kind_is_never_chosen() -> None:
    values = np.array([SILENT, 3, 1], np.int16)
    chosen = [choose(values, 1, np.random.default_rng(seed)) for seed in range(50)]
    assert {tuple(one) for one in chosen} == {(SILENT, 3, SILENT), (SILENT, SILENT, 1)}
