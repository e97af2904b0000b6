"""The scenes world: same bytes everywhere, captions that say what is recorded, truth as a slow reference finds it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lib.data.scenes.scene_pairs as module
from lib.base.errors import CompanionError
from lib.data.procedural import SILENT, SPLITS, choose
from lib.data.scenes import picture_of, scenes, truth_of
from lib.data.scenes.glyphs import master, stamp
from lib.data.scenes.layout import SIDE, held_out
from lib.data.scenes.scene_grammar import FACTORS, VALUES, factors, phrase, things_table, true_of
from lib.data.scenes.scene_pairs import layout_of
from lib.data.scenes.scene_words import COLOURS, GROUP_OF, GROUPS, KIND_NAMES, KINDS, REALMS, SYNONYMS

PICTURES_SHA256 = "30eaf4ddd6152fca434b1fea6d3f5382a53bec1d76b2db454a83208fb5a2200f"
CAPTIONS_SHA256 = "eae10b45d87963444d96a9383ca56361531efb0bd73520327844755840e054dc"


def test_the_same_seed_makes_the_same_bytes_on_any_machine() -> None:
    pixels = hashlib.sha256(b"".join(picture_of(s, 0, i).tobytes() for s in SPLITS for i in range(100)))
    captions = hashlib.sha256("\n".join(c for s in SPLITS for p in scenes(s, 100).captions for c in p).encode())
    assert (pixels.hexdigest(), captions.hexdigest()) == (PICTURES_SHA256, CAPTIONS_SHA256)


def test_the_world_is_as_rich_as_promised() -> None:
    assert len(KIND_NAMES) == len(set(KIND_NAMES)) == 64
    assert (len(GROUPS), len(REALMS), len(COLOURS)) == (16, 4, 10)
    counts = np.bincount([len(layout_of("test", 0, i).things) for i in range(400)], minlength=5)
    assert counts[0] == 0 and (counts[1:] > 50).all()


def test_kinds_look_different_even_when_small() -> None:
    drawings = {stamp(kind, 13, 0)[0].tobytes() + stamp(kind, 13, 0)[1].tobytes() for kind in range(len(KINDS))}
    assert len(drawings) == len(KINDS)
    assert all(ink.any() and (silhouette >= ink).all() for ink, silhouette in map(master, range(len(KINDS))))


def test_a_full_turn_is_no_turn() -> None:
    for kind in (0, 11, 31, 50):
        for step in (0, 5, 17, 27):
            for turned, plain in zip(stamp(kind, 20, step + 36), stamp(kind, 20, step), strict=True):
                assert (turned == plain).all()


def test_half_a_turn_flips_both_axes() -> None:
    for kind in (3, 30, 45):
        upright, turned = stamp(kind, 24, 0)[0].astype(int), stamp(kind, 24, 18)[0].astype(int)
        assert np.abs(upright[::-1, ::-1] - turned).mean() < 12  # of 255: the grid's centre lies between pixels


@pytest.mark.parametrize("split", SPLITS)
def test_longer_splits_begin_with_the_shorter_ones(split: str) -> None:
    short, long = scenes(split, 5), scenes(split, 9)
    assert short.captions == long.captions[:5] == long.first(5).captions
    assert (short.ids == long.ids[:5]).all()
    assert all(np.array_equal(short.images[i], long.images[i]) for i in range(5))
    assert (short.facts.truth == long.facts.truth[:5]).all()


def test_splits_and_seeds_share_no_scene() -> None:
    drawn = [layout_of(split, seed, i) for split in SPLITS for seed in (0, 1) for i in range(50)]
    assert len(set(drawn)) == len(drawn)


def test_held_out_combinations_stay_out_of_training() -> None:
    for split, allowed in (("train", {False}), ("dev", {False}), ("novel", {True})):
        mains = [layout_of(split, 0, i).things[0] for i in range(300)]
        assert {held_out(t.kind, t.colour) for t in mains} == allowed
    others = [t for i in range(300) for t in layout_of("train", 0, i).things]
    assert not any(held_out(t.kind, t.colour) for t in others)
    tested = [t for i in range(300) for t in layout_of("test", 0, i).things]
    assert {held_out(t.kind, t.colour) for t in tested} == {True, False}
    share = np.mean([held_out(kind, colour) for kind in range(64) for colour in range(10)])
    assert 0.08 < share < 0.12


def test_every_object_lies_inside_and_the_main_one_is_the_only_largest() -> None:
    for i in range(300):
        things = layout_of("test", 0, i).things
        assert all(
            t.side // 2 <= t.x <= SIDE - t.side // 2 and t.side // 2 <= t.y <= SIDE - t.side // 2 for t in things
        )
        assert all(t.size < things[0].size for t in things[1:])


def test_pictures_show_what_the_facts_say() -> None:
    """An object's pixels are nearer to its colour than a background's: colour facts are read back from pixels."""
    palette = np.array(list(COLOURS.values()))
    right = 0
    for i in range(100):
        thing = layout_of("test", 0, i).things[0]
        mask = stamp(thing.kind, thing.side, thing.step)[0] == 255
        top, left = thing.y - thing.side // 2, thing.x - thing.side // 2
        patch = picture_of("test", 0, i)[top : top + thing.side, left : left + thing.side][mask].astype(int)
        darkest = patch[patch.sum(1) <= np.quantile(patch.sum(1), 0.6)].mean(0)
        right += int(np.abs(palette - darkest).sum(1).argmin() == thing.colour)
    assert right >= 80


def _slow_truth(asserted: np.ndarray, scene: np.ndarray, things: np.ndarray) -> bool:
    def fits(thing: np.ndarray, codes: np.ndarray) -> bool:
        return thing[0] != SILENT and all(c in (SILENT, t) for c, t in zip(codes, thing, strict=False))

    if any(c not in (SILENT, s) for c, s in zip(asserted[9:], scene[9:], strict=True)):
        return False
    second = (asserted[7:9] != SILENT).any()
    for i, first in enumerate(things):
        others = any(fits(other, asserted[7:9]) for j, other in enumerate(things) if j != i)
        if fits(first, asserted[:7]) and (not second or others):
            return True
    return False


def test_truth_agrees_with_the_obvious_loop() -> None:
    truth = truth_of("test", 60)
    for which in (0, 1):
        fast = true_of(truth.asserted[:, which], truth.scenes, truth.things)
        scenes_and_things = list(zip(truth.scenes, truth.things, strict=True))
        slow = [[_slow_truth(a, *one) for one in scenes_and_things] for a in truth.asserted[:, which]]
        assert (fast == np.array(slow)).all()
        assert fast.diagonal().all(), "a caption is true of its own scene"


@settings(max_examples=60, deadline=None)
@given(index=st.integers(0, 10_000), told=st.integers(0, 12), seed=st.integers(0, 99))
def test_a_caption_says_what_is_recorded_and_nothing_else(index: int, told: int, seed: int) -> None:
    values = factors(layout_of("train", 0, index))
    random = np.random.default_rng(seed)
    asserted = choose(values, told, random)
    text = phrase(asserted, random)
    said = asserted != SILENT
    assert said.sum() == min(told, (values != SILENT).sum())
    assert (asserted[said] == values[said]).all()
    for factor in (1, 9):  # colour words occur once each, so silence can be read off the text
        words = {w for name in VALUES[factor] for w in SYNONYMS.get(name, (name,))}
        found = {w for w in words if f" {w} " in f" {text} "}
        if not said[factor] and not (factor == 1 and said[8]):
            assert not found, (text, found)
    if said[0]:
        assert any(name in text for name in KINDS[asserted[0]].names)
    assert true_of(asserted[None], values[None], things_table(layout_of("train", 0, index))[None]).all()


def test_facts_are_the_union_over_objects_and_mentions_are_true() -> None:
    pairs, truth = scenes("test", 200), truth_of("test", 200)
    facts = pairs.facts
    assert facts.truth.shape == (200, len(facts.names)) and facts.mentioned.shape == (200, 2, len(facts.names))
    assert not (facts.mentioned & ~facts.truth[:, None]).any()
    for row, column in ((7, 3), (12, 40), (100, 63)):
        assert facts.truth[row, column] == (column in truth.things[row, :, 0])
    group = facts.group("group")
    for row in range(20):
        kinds = [k for k in truth.things[row, :, 0] if k != SILENT]
        assert set(np.flatnonzero(facts.truth[row, group])) == {GROUP_OF[k] for k in kinds}
    assert facts.names[facts.group("background")[0]] == "background:white"
    with pytest.raises(CompanionError, match="no facts of group 'shape'; known groups"):
        facts.group("shape")


def test_bad_requests_get_one_line() -> None:
    with pytest.raises(CompanionError, match="scenes have no split 'val'; known: train, dev, test, novel"):
        scenes("val", 3)
    with pytest.raises(CompanionError, match="ask for at least one"):
        scenes("test", 0)


def test_factor_names_and_values_belong_together() -> None:
    assert len(FACTORS) == len(VALUES) == 12


def test_pictures_are_taken_by_ranges_without_a_step() -> None:
    images = scenes("test", 4).images
    assert len(images[1:3]) == 2 and len(images[3:1]) == 0
    with pytest.raises(CompanionError, match="pictures of scenes can be sliced without a step only"):
        images[::2]


def test_many_scenes_are_drawn_once_and_then_read(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = scenes("dev", 6), truth_of("dev", 6), truth_of("dev", 6, details=True)
    monkeypatch.setattr(module, "STORED", 6)
    stored = scenes("dev", 6), truth_of("dev", 6), truth_of("dev", 6, details=True)
    monkeypatch.setattr(module, "layout_of", None)
    read = scenes("dev", 6), truth_of("dev", 6), truth_of("dev", 6, details=True)
    for pairs, *truths in (stored, read):
        assert pairs.captions == drawn[0].captions and pairs.identity == drawn[0].identity
        for truth, expected in zip(truths, drawn[1:], strict=True):
            for name in ("scenes", "things", "asserted"):
                np.testing.assert_array_equal(getattr(truth, name), getattr(expected, name))
    with pytest.raises(TypeError):
        scenes("test", 6)
