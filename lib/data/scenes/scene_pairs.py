"""The data set of scenes: pictures, captions and the whole truth, made from a seed on every machine."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from PIL import Image

from lib.base.files import cached, write_json
from lib.data.pairs import Facts, Pairs
from lib.data.procedural import (
    NOVEL,
    SILENT,
    Drawn,
    check_rows,
    fact_table,
    lifted,
    row_ids,
    row_random,
    write_captions,
)
from lib.data.scenes.draw import render
from lib.data.scenes.layout import Layout, draw_layout
from lib.data.scenes.scene_grammar import FACTORS, VALUES, factors, phrase, things_table
from lib.data.scenes.scene_words import GROUP_OF, GROUPS, KIND_NAMES, REALM_OF, REALMS

VERSION = 1
"""The version in every identity; raise it whenever a change moves a byte of a picture or a caption."""

_SHORT, _LONG = (2, 4), (7, 12)
"""The fewest and the most facts that the two captions of a pair mention."""

MOST_DETAILS = 8
"""The most facts that captions about details mention, where they draw their number: many scenes have no more."""

_LONG_DETAILS = (6, MOST_DETAILS)
"""The fewest and the most facts of the second caption about details."""

STORED = 1000
"""From this number on, the cache keeps the content of scenes: to draw it takes about half a second per thousand."""

_LAYOUT, _PIXELS, _CAPTIONS = range(3)
"""The parts of a scene that have separate random numbers."""

DETAILS = 8
"""The last of the numbers that seed captions about details, here, on the dial and in the swaps."""


def layout_of(split: str, seed: int, index: int) -> Layout:
    """Draw the content of scene `index` of a split."""
    return draw_layout(row_random(VERSION, split, seed, index, _LAYOUT), novel=NOVEL[split])


def pixel_random(split: str, seed: int, index: int) -> np.random.Generator:
    """Make the random generator of the clutter and the noise in the pixels of scene `index`."""
    return row_random(VERSION, split, seed, index, _PIXELS)


def picture_of(split: str, seed: int, index: int) -> np.ndarray:
    """Draw the pixels of scene `index`, uint8 (64, 64, 3)."""
    return render(layout_of(split, seed, index), pixel_random(split, seed, index))


class ScenePictures(Drawn[Image.Image]):
    """The pictures of scenes start..stop of a split."""

    called = "pictures of scenes"

    def draw(self, index: int) -> Image.Image:
        return Image.fromarray(picture_of(self.split, self.seed, index))


@dataclass(frozen=True)
class SceneTruth:
    """The content of n scenes and of their captions, as codes; see `scene_grammar`.

    With `scene_grammar.true_of`, it decides of any caption whether it is true of any of the scenes.
    """

    scenes: np.ndarray
    """The codes of the factors of each scene, int16 (n, 12)."""
    things: np.ndarray
    """The codes of the factors of each object, int16 (n, 4, 7)."""
    asserted: np.ndarray
    """The codes that the captions assert, int16 (n, captions, 12); by default there are a short and a long one."""


def scenes(split: str, n: int, seed: int = 0, details: bool = False) -> Pairs:
    """Make n pairs of a split, each with a short and a long caption and its facts.

    The same split, n and seed give the same bytes on every machine, and a smaller n gives the first of the pairs.
    details: captions never mention the kind of the main object, as a sentence from the middle of a long description.

    Examples
    --------
    >>> pairs = scenes("test", 3)
    >>> pairs.images[0].size, pairs.captions[0][0]
    ((64, 64), 'a picture of scissors together with a blue object')
    >>> [name for name, holds in zip(pairs.facts.names, pairs.facts.truth[0]) if holds][:3]
    ['kind:devil', 'kind:scissors', 'kind:flask']
    """
    check_rows("scenes", split, n)
    truth, captions = _truth_and_captions(split, n, seed, details)
    return Pairs(
        ids=row_ids(split, seed, range(n)),
        images=ScenePictures(split, seed, 0, n),
        captions=captions,
        identity={"world": "scenes", "version": VERSION, "split": split, "n": n, "seed": seed} | about(details),
        facts=facts_of(truth),
    )


def truth_of(split: str, n: int, seed: int = 0, details: bool = False) -> SceneTruth:
    """Return the codes of `scenes(split, n, seed, details)`."""
    return _truth_and_captions(split, n, seed, details)[0]


def tellable(codes: np.ndarray, details: bool) -> np.ndarray:
    """The codes (12,) of a scene that captions may mention: all, or all except the main object's kind."""
    return np.array([SILENT, *codes[1:]], np.int16) if details else codes


def about(details: bool) -> dict[str, str]:
    """The entry of the captions' identity about the facts that they may mention."""
    return {"about": "details"} if details else {}


Captions = tuple[tuple[str, ...], ...]


def _truth_and_captions(split: str, n: int, seed: int, details: bool) -> tuple[SceneTruth, Captions]:
    """Draw the content of scenes and write their captions; many scenes are drawn once and then read from the cache."""
    if n < STORED:
        return _draw(split, n, seed, details)

    def work(folder: Path) -> None:
        truth, captions = _draw(split, n, seed, details)
        for field in fields(truth):
            np.save(folder / f"{field.name}.npy", getattr(truth, field.name))
        write_json(folder / "captions.json", captions)

    key = {"version": VERSION, "split": split, "n": n, "seed": seed} | about(details)
    folder = cached("scenes", key, work)
    truth = SceneTruth(**{field.name: np.load(folder / f"{field.name}.npy") for field in fields(SceneTruth)})
    return truth, tuple(map(tuple, json.loads((folder / "captions.json").read_text(encoding="utf-8"))))


def _draw(split: str, n: int, seed: int, details: bool) -> tuple[SceneTruth, Captions]:
    truth = SceneTruth(
        scenes=np.empty((n, len(FACTORS)), np.int16),
        things=np.empty((n, 4, 7), np.int16),
        asserted=np.empty((n, 2, len(FACTORS)), np.int16),
    )
    captions = []
    for i in range(n):
        layout = layout_of(split, seed, i)
        truth.scenes[i], truth.things[i] = factors(layout), things_table(layout)
        random = row_random(VERSION, split, seed, i, _CAPTIONS, *([DETAILS] if details else []))
        lengths = (_SHORT, _LONG_DETAILS if details else _LONG)
        truth.asserted[i], texts = write_captions(tellable(truth.scenes[i], details), lengths, phrase, random)
        captions.append(texts)
    return truth, tuple(captions)


_GROUPS: dict[str, tuple[str, ...]] = {
    "kind": KIND_NAMES,
    "group": GROUPS,
    "realm": REALMS,
    **{name: VALUES[FACTORS.index(name)] for name in ("colour", "texture", "size", "turn", "across", "down")},
    **{name: VALUES[FACTORS.index(name)] for name in ("background", "pattern", "count")},
}


def facts_of(truth: SceneTruth) -> Facts:
    """Tabulate which facts hold and which are mentioned; those of objects hold if they do for any object of a scene."""

    def codes(group: str) -> tuple[np.ndarray, np.ndarray]:
        if group in ("background", "pattern", "count"):
            return truth.scenes[:, [FACTORS.index(group)]], truth.asserted[:, :, [FACTORS.index(group)]]
        parents = {"group": GROUP_OF, "realm": REALM_OF}.get(group)
        column = FACTORS.index("kind" if parents else group)
        others = [] if column > 1 else [FACTORS.index("other kind") + column]
        held, told = truth.things[:, :, column], truth.asserted[:, :, [column, *others]]
        # A kind also implies its group and realm.
        return (lifted(held, parents), lifted(told, parents)) if parents else (held, told)

    return fact_table(_GROUPS, codes)
