"""The scenes data set: pictures, captions and the whole truth, made from a seed wherever it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from lib.data.errors import CompanionError
from lib.data.pairs import Facts, Pairs
from lib.data.scenes.draw import render
from lib.data.scenes.grammar import FACTORS, SILENT, VALUES, choose, factors, phrase, things_table
from lib.data.scenes.layout import Layout, draw_layout
from lib.data.scenes.vocabulary import GROUP_OF, GROUPS, KIND_NAMES, REALM_OF, REALMS

VERSION = 1
"""Part of every identity: raise it whenever a change moves a byte of a picture or a caption."""

SPLITS: dict[str, int] = {"train": 0, "dev": 1, "test": 2, "novel": 3}
"""`novel`: like test, but every main object is a combination of kind and colour that training never shows."""

SHORT, LONG = (2, 4), (7, 12)
"""How many facts the two captions of a pair tell, from and to."""

_PARTS = {"layout": 0, "pixels": 1, "captions": 2}


def _random(split: str, seed: int, index: int, part: str) -> np.random.Generator:
    return np.random.default_rng([VERSION, SPLITS[split], seed, index, _PARTS[part]])


def layout_of(split: str, seed: int, index: int) -> Layout:
    """The content of scene `index` of a split."""
    novel = {"train": False, "dev": False, "test": None, "novel": True}[split]
    return draw_layout(_random(split, seed, index, "layout"), novel=novel)


def pixel_random(split: str, seed: int, index: int) -> np.random.Generator:
    """What decides the noise in the pixels of scene `index`."""
    return _random(split, seed, index, "pixels")


def picture_of(split: str, seed: int, index: int) -> np.ndarray:
    """The pixels of scene `index`, uint8 (64, 64, 3)."""
    return render(layout_of(split, seed, index), pixel_random(split, seed, index))


@dataclass(frozen=True)
class ScenePictures(Sequence[Image.Image]):
    """The pictures of scenes start..stop of a split, drawn when asked for."""

    split: str
    seed: int
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, item):
        if isinstance(item, slice):
            start, stop, step = item.indices(len(self))
            if step != 1:
                raise CompanionError("pictures of scenes are taken by ranges without a step")
            return ScenePictures(self.split, self.seed, self.start + start, self.start + max(start, stop))
        index = range(self.start, self.stop)[item]
        return Image.fromarray(picture_of(self.split, self.seed, index))


@dataclass(frozen=True)
class SceneTruth:
    """What is in n scenes, as codes.

    scenes: int16 (n, 12) factors, see `grammar.FACTORS`. things: int16 (n, 4, 7). asserted: int16 (n, captions, 12):
    what the captions of each say, by default a short and a long one. With `grammar.true_of` it tells of any caption
    whether it is true of any scene.
    """

    scenes: np.ndarray
    things: np.ndarray
    asserted: np.ndarray


def scenes(split: str, n: int, seed: int = 0) -> Pairs:
    """n pairs of a split, each with a short and a long caption and its facts.

    The same split, n and seed give the same bytes on any machine, and the first m of n are the m of a smaller call.
    """
    if split not in SPLITS:
        raise CompanionError(f"scenes have no split {split!r}; known: {', '.join(SPLITS)}")
    if n < 1:
        raise CompanionError(f"scenes: {n} pairs asked for; ask for at least one")
    truth, captions = _truth_and_captions(split, n, seed)
    return Pairs(
        ids=np.array([f"{split}-{seed}-{i:06d}" for i in range(n)]),
        images=ScenePictures(split, seed, 0, n),
        captions=captions,
        identity={"world": "scenes", "version": VERSION, "split": split, "n": n, "seed": seed},
        facts=facts_of(truth),
    )


def truth_of(split: str, n: int, seed: int = 0) -> SceneTruth:
    """The codes behind `scenes(split, n, seed)`."""
    return _truth_and_captions(split, n, seed)[0]


def _truth_and_captions(split: str, n: int, seed: int) -> tuple[SceneTruth, tuple[tuple[str, ...], ...]]:
    truth = SceneTruth(
        scenes=np.empty((n, len(FACTORS)), np.int16),
        things=np.empty((n, 4, 7), np.int16),
        asserted=np.empty((n, 2, len(FACTORS)), np.int16),
    )
    captions = []
    for i in range(n):
        layout = layout_of(split, seed, i)
        random = _random(split, seed, i, "captions")
        truth.scenes[i], truth.things[i] = factors(layout), things_table(layout)
        texts = []
        for which, (fewest, most) in enumerate((SHORT, LONG)):
            told = int(random.integers(fewest, most + 1))
            truth.asserted[i, which] = choose(truth.scenes[i], told, random)
            texts.append(phrase(truth.asserted[i, which], random))
        captions.append(tuple(texts))
    return truth, tuple(captions)


_GROUPS: dict[str, tuple[str, ...]] = {
    "kind": KIND_NAMES,
    "group": GROUPS,
    "realm": REALMS,
    **{name: VALUES[FACTORS.index(name)] for name in ("colour", "texture", "size", "turn", "across", "down")},
    **{name: VALUES[FACTORS.index(name)] for name in ("background", "pattern", "count")},
}


def facts_of(truth: SceneTruth) -> Facts:
    """Truth and mention of every fact: an object's facts hold if any object of the scene has them."""
    true, said, names = [], [], []
    for group, values in _GROUPS.items():
        names += [f"{group}:{value}" for value in values]
        if group in ("background", "pattern", "count"):
            held, told = truth.scenes[:, [FACTORS.index(group)]], truth.asserted[:, :, [FACTORS.index(group)]]
        else:
            column = FACTORS.index("kind" if group in ("group", "realm") else group)
            others = [] if column > 1 else [FACTORS.index("other kind") + column]
            held, told = truth.things[:, :, column], truth.asserted[:, :, [column, *others]]
        coarser = {"group": GROUP_OF, "realm": REALM_OF}.get(group)
        if coarser is not None:  # a kind tells its group and realm as well
            lift = np.array([*coarser, SILENT], dtype=np.int16)
            held, told = lift[held], lift[told]
        codes = np.arange(len(values))
        true.append((held[:, :, None] == codes).any(axis=1))
        said.append((told[:, :, :, None] == codes).any(axis=2))
    return Facts(tuple(names), np.concatenate(true, axis=1), np.concatenate(said, axis=2))
