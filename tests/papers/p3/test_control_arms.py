"""What each control changes of its pairs, and that it changes nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lib.metrics.gap import modality_gap
from lib.papers.common.setting import Setting
from lib.papers.p3 import pair_dictionaries
from lib.papers.p3.control_arms import (
    OWN_MASKS,
    SPLIT_CONTROLS,
    STRANGERS,
    measure_controls,
    sharing_controls,
    with_dealt_members,
    with_gap,
    with_strangers,
)
from lib.papers.p3.measures import measure_dictionary
from lib.papers.p3.pair_dictionaries import PAIRED_ARMS, Material, controlled_material, fit_paired_arm, paired_trainings


@pytest.fixture
def material(monkeypatch: pytest.MonkeyPatch, cache: Path) -> Material:
    monkeypatch.setattr(pair_dictionaries, "CONTROLLED_PAIRS", (300, 120))
    return controlled_material(0.85, 0, Setting(width=32, k=4, steps=4, batch=50))


def gap(material: Material) -> float:
    return modality_gap(*(material.train.tower(tower) for tower in material.towers)).l2m


def test_the_gap_is_a_dial(material: Material) -> None:
    assert gap(with_gap(material, 0.0)) < 0.05 < 0.8 < gap(with_gap(material, 1.0)) < 0.9
    centred = [rows - rows.mean(axis=0) for rows in (material.train.image, material.train.text)]
    plain = with_gap(material, 0.0).train
    for rows, moved in zip(centred, (plain.image, plain.text), strict=True):
        np.testing.assert_allclose(moved, rows / np.linalg.norm(rows, axis=1, keepdims=True), atol=1e-6)


def test_strangers_are_the_same_rows_in_pairs_that_no_longer_match(material: Material) -> None:
    broken = with_strangers(material)
    assert broken.test is material.test and np.array_equal(broken.train.image, material.train.image)
    own, moved = material.train.text, broken.train.text
    assert np.array_equal(np.sort(own, axis=0), np.sort(moved, axis=0))
    assert not (own == moved).all(axis=1).any()
    assert broken.train.identity != material.train.identity, "the cache must tell them apart"


def test_dealt_members_are_the_same_pairs_turned_at_random(material: Material) -> None:
    dealt = with_dealt_members(material)
    for rows, turned in ((material.train, dealt.train), (material.test, dealt.test)):
        kept = (rows.image == turned.image).all(axis=1)
        assert 0.3 < kept.mean() < 0.7
        assert np.array_equal(turned.image[~kept], rows.text[~kept])
        assert np.array_equal(turned.text[~kept], rows.image[~kept])
        assert np.array_equal(turned.text[kept], rows.text[kept])


def test_own_masks_differ_from_the_shared_one_in_that_alone() -> None:
    own, shared = sharing_controls(0.1)[OWN_MASKS].arm, PAIRED_ARMS["MGSAE"]
    assert replace(own, mask_rows="pair", mask_probability=shared.mask_probability) == shared
    assert own.mask_probability == 0.1
    assert sharing_controls()[STRANGERS].arm == PAIRED_ARMS["GSAE"]


def test_controls_are_measured_on_their_own_pairs(material: Material) -> None:
    controls = SPLIT_CONTROLS | sharing_controls()
    table = measure_controls(material, controls, [0, 1])
    assert table.arm.tolist() == [name for name in controls for _ in range(2)] and table.seed.tolist() == [0, 1] * 6
    for name, control in controls.items():
        on = control.change(material)
        row = measure_dictionary(on, fit_paired_arm(on, control.arm, 1, name))
        found = table[(table.arm == name) & (table.seed == 1)].iloc[0]
        assert found.cosine == row["cosine"] and found.both == row["both"]


def test_no_control_takes_an_arm_from_the_cache(material: Material) -> None:
    runs = [
        run.embeddings.identity
        for control in SPLIT_CONTROLS.values()
        for run in paired_trainings(control.change(material), control.arm, 0)
    ]
    assert all(identity != material.train.identity for identity in runs)
