"""Captions and pictures with one wrong fact: what RoCOCO does to COCO, done to scenes whose facts are known.

Source: Park et al., RoCOCO (arXiv 2304.10727) replaces a word of a caption and hopes that it becomes false. Here it is
known: the altered caption is false of its scene, the altered picture is as it says, and the own caption is false of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from lib.data.errors import CompanionError
from lib.data.pairs import Pairs
from lib.data.scenes.draw import render
from lib.data.scenes.grammar import FACTORS, SILENT, VALUES, choose, factors, phrase, things_table, true_of
from lib.data.scenes.layout import Layout
from lib.data.scenes.vocabulary import KINDS, SYNONYMS
from lib.data.scenes.world import SPLITS, VERSION, layout_of, pixel_random, truth_of

SWAPPED = ("kind", "colour", "texture", "background", "pattern")
"""Factors of which one is swapped: those that a picture shows without moving anything."""

PARTS = ("own", "altered", "rephrased")


@dataclass(frozen=True)
class Swaps:
    """n scenes, row by row. own: a true caption. altered: the same words but for one fact, which is wrong.
    rephrased: the facts of `own` in other words, the control for style. pictures: the scene as `altered` has it.

    scenes (n,): their numbers in the split. factor (n,): column of FACTORS that was swapped. asserted, wrong: int16
    (n, 12), what `own` and `altered` say.
    """

    own: Pairs
    altered: Pairs
    rephrased: Pairs
    pictures: Pairs
    scenes: np.ndarray
    factor: np.ndarray
    asserted: np.ndarray
    wrong: np.ndarray


def swaps(split: str, n: int, told: int, seed: int = 0) -> Swaps:
    """The first n scenes of a split, with captions that tell `told` facts; without those with no fact to swap."""
    if not 1 <= told <= len(FACTORS):
        raise CompanionError(f"captions that tell {told} facts; give 1 to {len(FACTORS)}")
    truth, rows = truth_of(split, n, seed), []
    for i in range(n):
        random = np.random.default_rng([VERSION, SPLITS[split], seed, i, 5, told])
        asserted = choose(truth.scenes[i], told, random)
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
    ids = np.array([f"{split}-{seed}-{i:06d}" for i in numbers])
    named = zip((right, false, other), PARTS, strict=True)
    first, second, third = (_captions(ids, part, {**identity, "part": name}) for part, name in named)
    drawn = Pairs(ids, pictures, None, {**identity, "part": "pictures"})
    return Swaps(first, second, third, drawn, np.array(numbers), np.array(swapped), np.stack(own), np.stack(wrong))


def _captions(ids: np.ndarray, texts: tuple[str, ...], identity: dict[str, Any]) -> Pairs:
    return Pairs(ids, None, tuple((text,) for text in texts), identity)


def _wrong(
    layout: Layout, asserted: np.ndarray, random: np.random.Generator
) -> Iterator[tuple[int, np.ndarray, Layout]]:
    """Factor, wrong codes and the layout that they describe, in random order.

    The new word has as many synonyms as the old one, so that the same random numbers choose all the others alike.
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
    """The layout with another value of one fact of the main object, or of the background."""
    if factor == "background":
        return replace(layout, background=value)
    if factor == "pattern":
        return replace(layout, pattern=value)
    return replace(layout, things=(replace(layout.things[0], **{factor: value}), *layout.things[1:]))


def _true(asserted: np.ndarray, layout: Layout) -> bool:
    return bool(true_of(asserted[None], factors(layout)[None], things_table(layout)[None])[0, 0])
