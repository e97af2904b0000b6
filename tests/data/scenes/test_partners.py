"""Scenes with partners: how often they come, who they are, and questions about those that are missing."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from lib.base.errors import CompanionError
from lib.data.procedural import SPLITS
from lib.data.scenes import partners
from lib.data.scenes.layout import MOST, held_out
from lib.data.scenes.partners import (
    PARTNER,
    kinds_in,
    missing_partners,
    paired_layout,
    paired_picture,
    partner_questions,
    partner_rate,
    scenes_that_miss_one,
)
from lib.data.scenes.questions import NEGATIVES, read
from lib.data.scenes.scene_words import KINDS, REALM_OF

SHA256 = "a010304ad97d0a9103c4af2cbc1e94bbf5cf056134573edaaef586c6390c0afa"


def test_the_same_scenes_and_questions_on_any_machine() -> None:
    rows = scenes_that_miss_one("test", 0, 20)
    made = [str(paired_layout(split, 0, row)).encode() for split in SPLITS for row in range(50)]
    made += [paired_picture("test", 0, row).tobytes() for row in rows]
    made += [str(partner_questions("test", 0, row, how)).encode() for row in rows for how in NEGATIVES]
    assert hashlib.sha256(b"".join(made)).hexdigest() == SHA256


def test_half_of_the_kinds_have_a_partner_of_another_realm() -> None:
    paired = [kind for kind, partner in enumerate(PARTNER) if partner is not None]
    assert len(paired) == len(KINDS) // 2
    for kind in paired:
        partner = PARTNER[kind]
        assert partner is not None and PARTNER[partner] == kind and REALM_OF[partner] != REALM_OF[kind]


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_a_partner_is_there_in_four_of_five(split: str) -> None:
    apart = together = 0
    for row in range(2000):
        present = kinds_in(paired_layout(split, 0, row))
        for kind in present:
            partner = PARTNER[kind]
            together += partner in present
            apart += partner is not None and partner not in present
    assert together / (together + apart) == pytest.approx(0.8, abs=0.02)
    assert partner_rate(split, 0, 2000) == together / (together + apart)


def test_kinds_without_a_partner_come_independently() -> None:
    """Of scenes with a given unpaired kind, as many show any other given one as of all scenes of several objects."""
    shown = np.zeros((4000, 64), bool)
    for row in range(len(shown)):
        shown[row, list(kinds_in(paired_layout("train", 0, row)))] = True
    alone = [kind for kind, partner in enumerate(PARTNER) if partner is None]
    together = shown[:, alone].T.astype(int) @ shown[:, alone]
    off = ~np.eye(len(alone), dtype=bool)
    assert (together[off] / shown[:, alone].sum(axis=0).repeat(len(alone) - 1)).max() < 0.15


def test_scenes_are_as_the_plain_ones_otherwise() -> None:
    layouts = [paired_layout("train", 0, row) for row in range(500)]
    assert {len(layout.things) for layout in layouts} == set(range(1, MOST + 1))
    assert not any(held_out(thing.kind, thing.colour) for layout in layouts for thing in layout.things)


def test_missing_partners() -> None:
    for row in range(200):
        layout = paired_layout("test", 0, row)
        present = {thing.kind for thing in layout.things}
        slow = [kind for kind in range(len(KINDS)) if kind not in present and PARTNER[kind] in present]
        assert missing_partners(layout) == slow
    rows = scenes_that_miss_one("dev", 1, 10)
    assert rows == [r for r in range(rows[-1] + 1) if missing_partners(paired_layout("dev", 1, r))]


@pytest.mark.parametrize("negatives", NEGATIVES)
def test_questions_are_true_balanced_and_of_their_kind(negatives: str) -> None:
    often = partners._frequent_kinds("test", 0)
    for row in scenes_that_miss_one("test", 0, 100):
        layout, questions = paired_layout("test", 0, row), partner_questions("test", 0, row, negatives)
        kinds = {answer: [read(q.prompt)[0][1] for q in questions if q.answer == answer] for answer in ("yes", "no")}
        assert set(kinds["yes"]) <= kinds_in(layout) and not set(kinds["no"]) & kinds_in(layout)
        assert len(set(kinds["yes"])) == len(set(kinds["no"])) == len(questions) / 2 == len(missing_partners(layout))
        if negatives == "adversarial":
            assert kinds["no"] == missing_partners(layout)
        if negatives == "frequent":
            assert set(kinds["no"]) <= often


def test_the_frequent_kinds_are_those_with_partners() -> None:
    assert sum(PARTNER[kind] is not None for kind in partners._frequent_kinds("test", 0)) > 12


def test_unknown_splits_and_negatives_are_refused() -> None:
    with pytest.raises(CompanionError, match="no split 'tset'; known: train, dev, test, novel"):
        partner_questions("tset", 0, 0, "random")
    with pytest.raises(CompanionError, match="unknown negatives 'popular'; choose one of random, frequent"):
        partner_questions("test", 0, 0, "popular")
