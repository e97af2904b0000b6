"""Captions that say a chosen, recorded part of what is in a scene, and the test whether a caption is true.

A caption is a row of twelve codes, one for each factor of `FACTORS`: the value it asserts, or -1 where it is silent.
That row decides the truth; the words only dress it up, with synonyms and in a shuffled order. This is the dial of
paper 4: how many facts, and which, a caption tells (compare the MAD data of Schrodi et al., ICLR 2025).
"""

from __future__ import annotations

import numpy as np

from lib.data.scenes.layout import MOST, Layout
from lib.data.scenes.vocabulary import (
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
"""What a caption can tell: seven attributes of one object, two of another, three of the whole scene."""

SILENT = -1
_OBJECT = 7  # factors of the first object; the two of the other follow
_OTHER = slice(7, 9)
_SCENE = slice(9, 12)

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


def factors(layout: Layout) -> np.ndarray:
    """int16 (12,): the value of every factor of a scene; SILENT where it has none (a second object, a turn that
    does not show)."""
    main = layout.things[0]
    turn = main.turn if KINDS[main.kind].turned else SILENT
    other = (layout.things[1].kind, layout.things[1].colour) if len(layout.things) > 1 else (SILENT, SILENT)
    own = (main.kind, main.colour, main.texture, main.size, turn, main.across, main.down)
    return np.array((*own, *other, layout.background, layout.pattern, len(layout.things) - 1), dtype=np.int16)


def things_table(layout: Layout) -> np.ndarray:
    """int16 (4, 7): the object factors of every object; rows of SILENT where there is none."""
    table = np.full((MOST, _OBJECT), SILENT, dtype=np.int16)
    for row, t in enumerate(layout.things):
        turn = t.turn if KINDS[t.kind].turned else SILENT
        table[row] = (t.kind, t.colour, t.texture, t.size, turn, t.across, t.down)
    return table


def choose(values: np.ndarray, told: int, random: np.random.Generator) -> np.ndarray:
    """Which factors a caption tells: `told` of those the scene has (at most all), the kind among them four times
    out of five. Returns the asserted codes, int16 (12,)."""
    has = np.flatnonzero(values != SILENT)
    chosen = random.permutation(has)[:told]
    if told and 0 not in chosen and random.integers(5) > 0:
        chosen[0] = 0
    asserted = np.full(len(FACTORS), SILENT, dtype=np.int16)
    asserted[chosen] = values[chosen]
    return asserted


def phrase(asserted: np.ndarray, random: np.random.Generator) -> str:
    """A caption that says the asserted codes and nothing else."""

    def word(factor: int) -> str:
        name = VALUES[factor][asserted[factor]]
        names = KINDS[asserted[factor]].names if factor in (0, 7) else SYNONYMS.get(name, (name,))
        return names[random.integers(len(names))]

    def noun(kind: int, adjectives: list[int]) -> str:
        words = [word(factor) for factor in adjectives if asserted[factor] != SILENT]
        words = [words[i] for i in random.permutation(len(words))]
        words.append(word(kind) if asserted[kind] != SILENT else ("object", "thing")[random.integers(2)])
        return _article(" ".join(words))

    clauses = [word(factor) for factor in (4, 5, 6) if asserted[factor] != SILENT]
    if (asserted[_OTHER] != SILENT).any():
        clauses.append(("with ", "next to ", "together with ")[random.integers(3)] + noun(7, [8]))
    if (asserted[9:11] != SILENT).any():
        ground = [word(factor) for factor in (10, 9) if asserted[factor] != SILENT]
        clauses.append(("on ", "against ")[random.integers(2)] + _article(" ".join([*ground, "background"])))
    if asserted[11] != SILENT:
        clauses.append(f"{word(11)} {'object' if asserted[11] == 0 else 'objects'} in all")
    clauses = [clauses[i] for i in random.permutation(len(clauses))]
    start = ("", "", "a picture of ", "there is ")[random.integers(4)]
    return start + " ".join([noun(0, [1, 2, 3]), *clauses])


def _article(words: str) -> str:
    if words.endswith(("scissors", "scales")):
        return words
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def true_of(asserted: np.ndarray, scenes: np.ndarray, things: np.ndarray) -> np.ndarray:
    """Whether each caption is true of each scene: bool (captions, scenes).

    asserted: (captions, 12) codes; scenes: (scenes, 12) from `factors`; things: (scenes, 4, 7) from `things_table`.
    An object phrase is true if some object fits it; with a second phrase, two different objects must fit.
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
