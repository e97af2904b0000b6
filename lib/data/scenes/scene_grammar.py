"""Captions that mention a chosen, recorded part of a scene, and the test whether a caption is true.

A caption is a row of twelve codes, one for each factor of `FACTORS`: the value that it asserts, or SILENT. These codes
decide the truth; the words only express them, with synonyms and in a shuffled order. This is the dial of paper 4: how
many facts, and which, a caption mentions (compare the MAD data of Schrodi et al., ICLR 2025).
"""

from __future__ import annotations

import numpy as np

from lib.data.procedural import SILENT, with_article
from lib.data.scenes.layout import MOST, Layout
from lib.data.scenes.scene_words import (
    ACROSS,
    BACKGROUNDS,
    COLOURS,
    COUNTS,
    DOWN,
    KINDS,
    PATTERNS,
    SIZES,
    SYNONYMS,
    TEXTURES,
    TURNS,
)

FACTORS: tuple[str, ...] = (
    "kind",
    "colour",
    "texture",
    "size",
    "turn",
    "across",
    "down",
    "other kind",
    "other colour",
    "background",
    "pattern",
    "count",
)
"""The factors that a caption can mention: seven attributes of an object, two of another, three of the whole scene."""

_OBJECT = 7  # factors of the first object; the two of the other follow
_OTHER = slice(7, 9)
_SCENE = slice(9, 12)
_PLURALS = ("scissors", "scales")

VALUES: tuple[tuple[str, ...], ...] = (
    tuple(kind.names[0] for kind in KINDS),
    tuple(COLOURS),
    TEXTURES,
    SIZES,
    TURNS,
    ACROSS,
    DOWN,
    tuple(kind.names[0] for kind in KINDS),
    tuple(COLOURS),
    tuple(BACKGROUNDS),
    PATTERNS,
    COUNTS,
)
"""The names of the values of each factor; a code is a number into them."""


def factors(layout: Layout) -> np.ndarray:
    """Return the code of every factor of a scene, int16 (12,).

    A factor that the scene does not have, such as a second object or a turn that does not show, is SILENT.
    """
    main = layout.things[0]
    turn = main.turn if KINDS[main.kind].turned else SILENT
    other = (layout.things[1].kind, layout.things[1].colour) if len(layout.things) > 1 else (SILENT, SILENT)
    own = (main.kind, main.colour, main.texture, main.size, turn, main.across, main.down)
    return np.array((*own, *other, layout.background, layout.pattern, len(layout.things) - 1), dtype=np.int16)


def things_table(layout: Layout) -> np.ndarray:
    """Return the codes of the factors of every object, int16 (4, 7); the rows of missing objects are SILENT."""
    table = np.full((MOST, _OBJECT), SILENT, dtype=np.int16)
    for row, t in enumerate(layout.things):
        turn = t.turn if KINDS[t.kind].turned else SILENT
        table[row] = (t.kind, t.colour, t.texture, t.size, turn, t.across, t.down)
    return table


def phrase(asserted: np.ndarray, random: np.random.Generator) -> str:
    """Write a caption that says the asserted codes (12,) and nothing else."""

    def word(factor: int) -> str:
        name = VALUES[factor][asserted[factor]]
        names = KINDS[asserted[factor]].names if factor in (0, 7) else SYNONYMS.get(name, (name,))
        return names[random.integers(len(names))]

    def noun(kind: int, adjectives: list[int]) -> str:
        words = [word(factor) for factor in adjectives if asserted[factor] != SILENT]
        words = [words[i] for i in random.permutation(len(words))]
        words.append(word(kind) if asserted[kind] != SILENT else ("object", "thing")[random.integers(2)])
        return with_article(" ".join(words), _PLURALS)

    clauses = [word(factor) for factor in (4, 5, 6) if asserted[factor] != SILENT]
    if (asserted[_OTHER] != SILENT).any():
        clauses.append(("with ", "next to ", "together with ")[random.integers(3)] + noun(7, [8]))
    if (asserted[9:11] != SILENT).any():
        ground = [word(factor) for factor in (10, 9) if asserted[factor] != SILENT]
        clauses.append(
            ("on ", "against ")[random.integers(2)] + with_article(" ".join([*ground, "background"]), _PLURALS)
        )
    if asserted[11] != SILENT:
        clauses.append(f"{word(11)} {'object' if asserted[11] == 0 else 'objects'} in all")
    clauses = [clauses[i] for i in random.permutation(len(clauses))]
    start = ("", "", "a picture of ", "there is ")[random.integers(4)]
    return start + " ".join([noun(0, [1, 2, 3]), *clauses])


def true_of(asserted: np.ndarray, scenes: np.ndarray, things: np.ndarray) -> np.ndarray:
    """Return whether each caption is true of each scene, bool (captions, scenes).

    asserted: codes (captions, 12). scenes: codes (scenes, 12) from `factors`. things: codes (scenes, 4, 7) from
    `things_table`. A phrase about an object is true if some object fits it; two phrases need two different objects.
    """
    truth = np.empty((len(asserted), len(scenes)), dtype=bool)
    exists = things[:, :, 0] != SILENT
    distinct = ~np.eye(MOST, dtype=bool)
    for row, codes in enumerate(asserted):
        told = codes[:_OBJECT] != SILENT
        first = exists & (things[:, :, :_OBJECT][:, :, told] == codes[:_OBJECT][told]).all(axis=2)
        fits = first.any(axis=1)
        other = codes[_OTHER]
        if (other != SILENT).any():
            told = np.flatnonzero(other != SILENT)
            second = exists & (things[:, :, told] == other[told]).all(axis=2)
            fits = (first[:, :, None] & second[:, None, :] & distinct).any(axis=(1, 2))
        told = codes[_SCENE] != SILENT
        truth[row] = fits & (scenes[:, _SCENE][:, told] == codes[_SCENE][told]).all(axis=1)
    return truth
