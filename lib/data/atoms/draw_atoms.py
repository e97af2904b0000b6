"""Pictures that are sums of known concept vectors, and captions that are sums of some of the same vectors.

A picture has one value of each of FACTORS factors. Each value has an atom, a random unit vector a; there are more atoms
than dimensions, so they interfere (superposition). With strengths s of a log-normal distribution,

    image = sum over all factors of s_f a_f,    caption = sum over the mentioned factors of a_f + noise,

both of unit norm. The caption knows neither the strengths nor the factors that it does not mention: the information
imbalance of Schrodi et al., ICLR 2025 (arXiv 2404.07983), in its plainest form. The exact code of every picture is
known, too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.sparse as sp

from lib.base.errors import CompanionError
from lib.base.vectors import normalise_rows
from lib.data.pairs import Facts
from lib.data.procedural import SILENT, SPLITS, check_rows, row_ids

VERSION = 1
"""Increases when the same call no longer draws the same numbers."""

FACTORS, VALUES = 12, 6
"""Facts of a picture, and the values that each can have: 72 atoms."""

MIXED = (1, FACTORS)
"""Captions that mention any number of facts, all numbers equally often."""


@dataclass(frozen=True)
class AtomDials:
    """The settings that make an atom world easy or hard."""

    d: int = 48
    """Number of dimensions. With fewer than the 72 atoms they interfere; with many more they barely do."""
    spread: float = 0.5
    """Standard deviation of the logarithm of the strengths; 0 makes all facts equally strong."""
    noise: float = 0.2
    """Length of the noise of a caption, as a share of the length of its signal."""
    seed: int = 0
    """Seed of the atoms and of all rows."""

    def __post_init__(self) -> None:
        if self.d < 2 or self.spread < 0 or self.noise < 0:
            raise CompanionError(f"{self}: give at least 2 dimensions, and neither a negative spread nor noise")

    @property
    def atoms(self) -> np.ndarray:
        """(72, d) unit vectors; value v of factor f has row `f * VALUES + v`."""
        random = np.random.default_rng([VERSION, self.seed, self.d])
        return normalise_rows("atoms", random.normal(size=(FACTORS * VALUES, self.d)))


@dataclass(frozen=True)
class Atoms:
    """Drawn pictures, each with one caption."""

    dials: AtomDials
    """The settings of the world from which they are drawn."""
    ids: np.ndarray
    """(n,) unique names."""
    codes: np.ndarray
    """(n, FACTORS) value of each factor of a picture."""
    strengths: np.ndarray
    """(n, FACTORS) coefficient of each picture's atoms: `image` is exactly their sum."""
    asserted: np.ndarray
    """(n, FACTORS) value that the caption asserts for each factor, or SILENT; a caption may be false."""
    noise: np.ndarray
    """(n, d) noise of the captions, of length `dials.noise` on average."""
    identity: dict[str, Any]
    """Plain JSON that decides every byte."""

    @property
    def image(self) -> np.ndarray:
        """(n, d) unit embeddings of the pictures."""
        return np.einsum("nf,nfd->nd", self.strengths, self.dials.atoms[_slots(self.codes)]).astype(np.float32)

    @property
    def text(self) -> np.ndarray:
        """(n, d) unit embeddings of the captions."""
        told = self.asserted != SILENT
        counts = told.sum(axis=1)
        starts = np.concatenate([[0], counts.cumsum()])
        shape = (len(told), len(self.dials.atoms))
        said = sp.csr_array((np.ones(starts[-1]), _slots(self.asserted)[told], starts), shape) @ self.dials.atoms
        return normalise_rows("captions", said + np.sqrt(counts)[:, None] * self.noise).astype(np.float32)

    def holds(self) -> np.ndarray:
        """Return whether each caption is true of each picture, bool (captions, pictures)."""
        wrong = np.zeros((len(self.ids), len(self.ids)), bool)
        for said, shown in zip(self.asserted.T, self.codes.T, strict=True):
            wrong |= (said != SILENT)[:, None] & (said[:, None] != shown)
        return ~wrong

    def facts(self) -> Facts:
        """Tabulate which facts hold, and which the caption mentions, as `factor:value`."""
        names = tuple(f"{factor}:{value}" for factor in range(FACTORS) for value in range(VALUES))
        numbers = np.arange(VALUES)
        true, said = ((part[:, :, None] == numbers).reshape(len(self.ids), -1) for part in (self.codes, self.asserted))
        return Facts(names, true, said[:, None])

    def first(self, n: int) -> Atoms:
        """Return the first n pictures with their captions."""
        return self.rows(np.arange(n))

    def rows(self, chosen: np.ndarray) -> Atoms:
        """Return the pictures with the numbers `chosen` (n',), with their captions."""
        parts = {name: getattr(self, name)[chosen] for name in ("ids", "codes", "strengths", "asserted", "noise")}
        return replace(self, identity={**self.identity, "rows": chosen.tolist()}, **parts)

    def saying(self, asserted: np.ndarray, why: str) -> Atoms:
        """Return the same pictures with captions that assert other codes, (n, FACTORS). why: for the identity."""
        return replace(self, asserted=asserted, identity={**self.identity, "saying": why})


def draw_atoms(dials: AtomDials, split: str, n: int, told: tuple[int, int] = MIXED, caption: int = 0) -> Atoms:
    """Draw the first n pictures of a split, each with a caption of `told[0]` to `told[1]` facts.

    caption: the number of the caption; each picture has as many as you ask for.

    Examples
    --------
    >>> drawn = draw_atoms(AtomDials(), "test", 3, told=(2, 2))
    >>> drawn.image.shape, (drawn.asserted != SILENT).sum(axis=1).tolist(), drawn.holds().diagonal().tolist()
    ((3, 48), [2, 2, 2], [True, True, True])
    """
    check_rows("atoms", split, n)
    fewest, most = told
    if not 1 <= fewest <= most <= FACTORS:
        raise CompanionError(f"captions cannot mention {fewest} to {most} facts; give 1 to {FACTORS}")
    ids, codes, strengths = _draw_pictures(dials, split, n)
    asserted = tell(codes, told, _random(dials, split, 2, caption, *told))
    noise = _random(dials, split, 3, caption, *told).normal(size=(n, dials.d)) * dials.noise / np.sqrt(dials.d)
    named = {"d": dials.d, "spread": dials.spread, "noise": dials.noise, "seed": dials.seed}
    identity = {"world": "atoms", "version": VERSION, "split": split, "n": n, "told": list(told), "caption": caption}
    return Atoms(dials, ids, codes, strengths, asserted, noise, identity | named)


@lru_cache(4)
def _draw_pictures(dials: AtomDials, split: str, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw ids, codes and strengths, which all captions of a picture share."""
    codes = _random(dials, split, 0).integers(VALUES, size=(n, FACTORS))
    strengths = np.exp(dials.spread * _random(dials, split, 1).normal(size=(n, FACTORS)))
    strengths /= np.linalg.norm(np.einsum("nf,nfd->nd", strengths, dials.atoms[_slots(codes)]), axis=1)[:, None]
    parts = row_ids(split, dials.seed, range(n)), codes, strengths
    for part in parts:
        part.flags.writeable = False  # every caller gets the same arrays
    return parts


def contradict_atoms(drawn: Atoms, factor: int) -> tuple[Atoms, np.ndarray]:
    """Make captions false: those that mention `factor` get a wrong value for it, and keep all other values and their
    noise.

    Returns the pictures of these captions, and their numbers among the given ones.
    """
    kept = np.flatnonzero(drawn.asserted[:, factor] != SILENT)
    if not len(kept):
        raise CompanionError(f"no caption mentions factor {factor}, so none can be contradicted; give captions that do")
    asserted = drawn.asserted[kept].copy()
    asserted[:, factor] = _other_values(
        asserted[:, factor], np.random.default_rng([VERSION, drawn.dials.seed, 4, factor])
    )
    return drawn.rows(kept).saying(asserted, f"a wrong value of {factor}"), kept


def swap_one(drawn: Atoms, seed: int = 0) -> tuple[Atoms, Atoms]:
    """Swap one fact of every caption for a wrong value, after RoCOCO (arXiv 2304.10727).

    Returns the same pictures with the altered captions, and the altered pictures, of which these captions are true.
    """
    random = np.random.default_rng([VERSION, drawn.dials.seed, 5, seed])
    rows = np.arange(len(drawn.ids))
    told = drawn.asserted != SILENT
    factor = np.where(told, random.random(told.shape), -1.0).argmax(axis=1)
    asserted, codes = drawn.asserted.copy(), drawn.codes.copy()
    asserted[rows, factor] = _other_values(drawn.asserted[rows, factor], random)
    codes[rows, factor] = asserted[rows, factor]
    altered = drawn.saying(asserted, f"one fact swapped, {seed}")
    strengths = drawn.strengths / np.linalg.norm(
        np.einsum("nf,nfd->nd", drawn.strengths, drawn.dials.atoms[_slots(codes)]), axis=1, keepdims=True
    )
    ids = np.array([f"{id}-altered" for id in drawn.ids])
    return altered, replace(altered, ids=ids, codes=codes, strengths=strengths)


def _other_values(values: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return (values + random.integers(1, VALUES, size=len(values))) % VALUES


def tell(codes: np.ndarray, told: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """Choose what captions assert of codes (n, FACTORS): a random `told[0]` to `told[1]` facts, SILENT elsewhere."""
    places = random.random((len(codes), FACTORS + 1))
    count = told[0] + np.floor(places[:, -1] * (told[1] - told[0] + 1))
    return np.where(places[:, :-1].argsort(axis=1).argsort(axis=1) < count[:, None], codes, SILENT)


def _slots(codes: np.ndarray) -> np.ndarray:
    """Return the rows of the atoms of codes (n, FACTORS); any row where a code is SILENT."""
    return np.arange(FACTORS) * VALUES + np.maximum(codes, 0)


def _random(dials: AtomDials, split: str, *part: int) -> np.random.Generator:
    """Return the generator of a part of a split; the first n rows are the same for every n."""
    return np.random.default_rng([VERSION, dials.seed, SPLITS[split], *part])
