"""Scenes in which half of the kinds come in pairs: where one of a pair is, its partner mostly is, too.

In the plain scenes kinds are drawn independently, so that what one sees says nothing about what else is there. A model
that learns from these scenes can learn to expect what it does not see. The first two kinds of each group have a partner
in the group that is eight groups away, and so in another realm: partners do not look alike, and no question is hard for
another reason. The other two kinds of each group have none, and are the control.

Everything depends on split, seed and row only, in integers. The plain scenes keep their bytes.
"""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np

from lib.base.errors import CompanionError
from lib.data.procedural import NOVEL, SPLITS, row_random
from lib.data.scenes.draw import render
from lib.data.scenes.layout import Layout, draw_layout
from lib.data.scenes.questions import NEGATIVES, Question, ask_kind
from lib.data.scenes.scene_words import GROUPS, KINDS

VERSION = 1
"""The version in every draw; raise it whenever a change moves a picture or a question."""

_LAYOUT, _PIXELS, _QUESTIONS = 10, 11, 12  # parts of a scene's random numbers that the plain scenes do not use
_FREQUENT, _SAMPLE = 16, 500  # as for the plain scenes


def _partner(kind: int) -> int | None:
    place = kind % 4
    return (kind + 4 * len(GROUPS) // 2) % len(KINDS) if place < 2 else None


PARTNER: tuple[int | None, ...] = tuple(_partner(kind) for kind in range(len(KINDS)))
"""The partner of each kind, or None for those that have none."""


def paired_layout(split: str, seed: int, row: int) -> Layout:
    """Draw the content of scene `row` of a split; where a kind with a partner is, the partner is in four of five."""
    return draw_layout(row_random(VERSION, split, seed, row, _LAYOUT), novel=NOVEL[split], partners=PARTNER)


def paired_picture(split: str, seed: int, row: int) -> np.ndarray:
    """Draw the pixels of scene `row`, uint8 (64, 64, 3)."""
    return render(paired_layout(split, seed, row), row_random(VERSION, split, seed, row, _PIXELS))


def kinds_in(layout: Layout) -> set[int]:
    """Return the kinds of a scene's objects."""
    return {thing.kind for thing in layout.things}


def missing_partners(layout: Layout) -> list[int]:
    """List the kinds that are not in a scene though their partners are, sorted."""
    present = kinds_in(layout)
    expected = {partner for kind in present if (partner := PARTNER[kind]) is not None}
    return sorted(expected - present)


def partner_rate(split: str, seed: int, n: int) -> float:
    """Return how often, in the first n scenes of a split, a kind that has a partner appears together with it."""
    together = apart = 0
    for row in range(n):
        layout = paired_layout(split, seed, row)
        missing = len(missing_partners(layout))
        apart += missing
        together += sum(PARTNER[kind] is not None for kind in kinds_in(layout)) - missing
    return together / (together + apart)


def scenes_that_miss_one(split: str, seed: int, n: int) -> list[int]:
    """List the first n rows of a split whose scene lacks a partner of one of its kinds."""
    found: list[int] = []
    row = 0
    while len(found) < n:
        if missing_partners(paired_layout(split, seed, row)):
            found.append(row)
        row += 1
    return found


def partner_questions(split: str, seed: int, row: int, negatives: str) -> tuple[Question, ...]:
    """Ask about kinds in the scene, and about as many that are not, of a scene in which a partner is missing.

    As POPE (Li et al., EMNLP 2023, section 5.1) has them: the absent kinds are any (random), the most frequent ones of
    the split (frequent), or those that mostly occur together with what is there (adversarial), which are the missing
    partners. There are as many questions of either answer as partners are missing.
    """
    if negatives not in NEGATIVES:
        raise CompanionError(f"unknown negatives {negatives!r}; choose one of {', '.join(NEGATIVES)}")
    if split not in SPLITS:
        raise CompanionError(f"scenes have no split {split!r}; known: {', '.join(SPLITS)}")
    layout, random = paired_layout(split, seed, row), row_random(VERSION, split, seed, row, _QUESTIONS)
    missing, present = missing_partners(layout), sorted(kinds_in(layout))
    asked = [present[i] for i in random.permutation(len(present))[: len(missing)]]
    absent = [int(kind) for kind in random.permutation(len(KINDS)) if kind not in present]
    if negatives == "frequent":
        often = _frequent_kinds(split, seed)
        absent.sort(key=lambda kind: kind not in often)
    if negatives == "adversarial":
        absent = missing
    yes, no = ([ask_kind(kind, there) for kind in kinds] for kinds, there in ((asked, True), (absent, False)))
    return tuple(yes + no[: len(yes)])


@cache
def _frequent_kinds(split: str, seed: int) -> frozenset[int]:
    """Find the sixteen kinds that most scenes of a split show; kinds with a partner lead, since it brings them."""
    counts = Counter(kind for row in range(_SAMPLE) for kind in kinds_in(paired_layout(split, seed, row)))
    return frozenset(sorted(counts, key=lambda kind: (-counts[kind], kind))[:_FREQUENT])
