"""Captions and pictures of scenes with one wrong fact, after RoCOCO (Park et al., arXiv 2304.10727).

RoCOCO replaces a word of a caption, in the hope that the caption becomes false. Here it is known to be false of its
scene. The altered picture shows the scene as the altered caption describes it, and the own caption is false of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from lib.base.errors import CompanionError
from lib.data.pairs import Pairs
from lib.data.procedural import SILENT, choose, row_ids, row_random
from lib.data.scenes.draw import render
from lib.data.scenes.layout import Layout
from lib.data.scenes.scene_grammar import FACTORS, VALUES, factors, phrase, things_table, true_of
from lib.data.scenes.scene_pairs import DETAILS, VERSION, about, layout_of, pixel_random, tellable, truth_of
from lib.data.scenes.scene_words import KINDS, SYNONYMS

SWAPPED = ("kind", "colour", "texture", "background", "pattern")
"""The factors of which one is swapped: those that change in a picture without moving an object."""

_PARTS = ("own", "altered", "rephrased")


@dataclass(frozen=True)
class Swaps:
    """Captions and pictures of n scenes with one wrong fact; row i of every part belongs to the same scene."""

    own: Pairs
    """True captions."""
    altered: Pairs
    """The same words except for one fact, which is wrong."""
    rephrased: Pairs
    """The facts of `own` in other words, the control for style."""
    pictures: Pairs
    """The scenes as `altered` describes them."""
    scenes: np.ndarray
    """The numbers of the scenes in the split, (n,)."""
    factor: np.ndarray
    """The column of FACTORS that was swapped, (n,)."""
    asserted: np.ndarray
    """The codes that `own` asserts, int16 (n, 12)."""
    wrong: np.ndarray
    """The codes that `altered` asserts, int16 (n, 12)."""


def swaps(split: str, n: int, told: int, seed: int = 0, details: bool = False) -> Swaps:
    """Swap a fact in captions with `told` facts of the first n scenes; scenes without a fact to swap are left out.

    details: captions mention no kind of the main object, see `scenes`.
    """
    if not 1 <= told <= len(FACTORS):
        raise CompanionError(f"captions cannot mention {told} facts; give 1 to {len(FACTORS)}")
    truth, rows = truth_of(split, n, seed), []
    for i in range(n):
        random = row_random(VERSION, split, seed, i, 5, told, *([DETAILS] if details else []))
        asserted = choose(tellable(truth.scenes[i], details), told, random)
        layout = layout_of(split, seed, i)
        found = next(_wrong(layout, asserted, random), None)
        if found is not None:
            factor, wrong, other = found
            picture = Image.fromarray(render(other, pixel_random(split, seed, i)))
            words, others = (np.random.default_rng([VERSION, seed, i, part, told]) for part in (6, 7))
            again = np.random.default_rng([VERSION, seed, i, 6, told])
            texts = (phrase(asserted, words), phrase(wrong, again), phrase(asserted, others))
            rows.append((i, factor, asserted, wrong, picture, *texts))
    if not rows:
        raise CompanionError(f"no caption of {told} facts among {n} has one of {', '.join(SWAPPED)}; give more scenes")
    numbers, swapped, own, wrong, pictures, right, false, other = zip(*rows, strict=True)
    identity = {"world": "scenes", "version": VERSION, "split": split, "n": n, "seed": seed, "swap": told}
    identity |= about(details)
    ids = row_ids(split, seed, numbers)
    named = zip((right, false, other), _PARTS, strict=True)
    first, second, third = (_captions(ids, part, {**identity, "part": name}) for part, name in named)
    drawn = Pairs(ids, pictures, None, {**identity, "part": "pictures"})
    return Swaps(first, second, third, drawn, np.array(numbers), np.array(swapped), np.stack(own), np.stack(wrong))


def _captions(ids: np.ndarray, texts: tuple[str, ...], identity: dict[str, Any]) -> Pairs:
    return Pairs(ids, None, tuple((text,) for text in texts), identity)


def _wrong(
    layout: Layout, asserted: np.ndarray, random: np.random.Generator
) -> Iterator[tuple[int, np.ndarray, Layout]]:
    """Yield the possible swaps in random order: the factor, the wrong codes, and a layout that they describe.

    The new word has as many synonyms as the old one, so that the same random numbers choose the same other words.
    """
    told = [FACTORS.index(name) for name in SWAPPED if asserted[FACTORS.index(name)] != SILENT]
    for factor in random.permutation(told):
        old = int(asserted[factor])
        for value in random.permutation(len(VALUES[factor])):
            if value == old or _names(factor, value) != _names(factor, old):
                continue
            codes = asserted.copy()
            codes[factor] = value
            other = _changed(layout, FACTORS[factor], int(value))
            if not _true(codes, layout) and not _true(asserted, other) and _true(codes, other):
                yield int(factor), codes, other


def _names(factor: int, value: int) -> int:
    return len(KINDS[value].names) if factor == 0 else len(SYNONYMS.get(VALUES[factor][value], ("",)))


def _changed(layout: Layout, factor: str, value: int) -> Layout:
    """Return the layout with another value of a factor of the main object or of the background."""
    if factor == "background":
        return replace(layout, background=value)
    if factor == "pattern":
        return replace(layout, pattern=value)
    return replace(layout, things=(replace(layout.things[0], **{factor: value}), *layout.things[1:]))


def _true(asserted: np.ndarray, layout: Layout) -> bool:
    return bool(true_of(asserted[None], factors(layout)[None], things_table(layout)[None])[0, 0])
