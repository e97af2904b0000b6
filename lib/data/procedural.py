"""The common part of scenes and sounds: splits drawn row by row from a seed, captions of chosen facts, tables of facts.

Both worlds describe a row by codes: for each factor (an object's colour, a melody's tempo) the number of its value.
They describe a caption in the same way, by the codes of the values that it asserts.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self, TypeVar, overload

import numpy as np

from lib.base.errors import CompanionError
from lib.data.pairs import Facts

T = TypeVar("T")

SPLITS: dict[str, int] = {"train": 0, "dev": 1, "test": 2, "novel": 3}
"""The splits, and the number of each in the seeds."""

NOVEL: dict[str, bool | None] = {"train": False, "dev": False, "test": None, "novel": True}
"""Whether the main object or instrument of a split is a held-out combination: never (False), at times, or always."""

SILENT = -1
"""The code of a factor that a row does not have, or that a caption does not mention."""


def row_random(version: int, split: str, seed: int, index: int, *part: int) -> np.random.Generator:
    """Make the random generator of a part of row `index` of a split."""
    return np.random.default_rng([version, SPLITS[split], seed, index, *part])


def row_ids(split: str, seed: int, rows: Sequence[int]) -> np.ndarray:
    """Return the ids of rows of a split, (n,)."""
    return np.array([f"{split}-{seed}-{i:06d}" for i in rows])


def check_rows(world: str, split: str, n: int) -> None:
    """Refuse an unknown split, and fewer than one row of it."""
    if split not in SPLITS:
        raise CompanionError(f"{world} have no split {split!r}; known: {', '.join(SPLITS)}")
    if n < 1:
        raise CompanionError(f"{world}: {n} pairs requested; ask for at least one")


@dataclass(frozen=True)
class Drawn(Sequence[T]):
    """The pictures or sounds of some rows of a split, each drawn when it is used; a slice is a view."""

    split: str
    """The split of the rows."""
    seed: int
    """The seed that the split is drawn from."""
    start: int
    """The number of the first row."""
    stop: int
    """The number after that of the last row."""

    called: ClassVar[str]
    """The name of the rows in errors."""

    @abstractmethod
    def draw(self, index: int) -> T:
        """Draw row `index` of the split."""

    def __len__(self) -> int:
        return self.stop - self.start

    @overload
    def __getitem__(self, item: int) -> T: ...

    @overload
    def __getitem__(self, item: slice) -> Self: ...

    def __getitem__(self, item: int | slice) -> T | Self:
        if isinstance(item, int | np.integer):
            return self.draw(range(self.start, self.stop)[item])
        start, stop, step = item.indices(len(self))
        if step != 1:
            raise CompanionError(f"{self.called} can be sliced without a step only; leave it out")
        return replace(self, start=self.start + start, stop=self.start + max(start, stop))


def choose(values: np.ndarray, told: int, random: np.random.Generator) -> np.ndarray:
    """Choose the facts that a caption mentions: `told` of those of a row, or all if the row has fewer.

    values: the codes of the row, (factors,). The first factor, the kind, is among the chosen ones four times out of
    five, unless it is SILENT. Returns the asserted codes, int16 (factors,).
    """
    chosen = random.permutation(np.flatnonzero(values != SILENT))[:told]
    if told and values[0] != SILENT and 0 not in chosen and random.integers(5) > 0:
        chosen[0] = 0
    asserted = np.full(len(values), SILENT, dtype=np.int16)
    asserted[chosen] = values[chosen]
    return asserted


def write_captions(
    values: np.ndarray,
    lengths: Sequence[tuple[int, int]],
    phrase: Callable[[np.ndarray, np.random.Generator], str],
    random: np.random.Generator,
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Write the captions of a row with the codes `values` (factors,).

    lengths: the fewest and the most facts that each caption may mention. phrase: makes a text of asserted codes.
    Returns the asserted codes, int16 (captions, factors), and the texts.
    """
    asserted, texts = np.empty((len(lengths), len(values)), np.int16), []
    for which, (fewest, most) in enumerate(lengths):
        told = int(random.integers(fewest, most + 1))
        asserted[which] = choose(values, told, random)
        texts.append(phrase(asserted[which], random))
    return asserted, tuple(texts)


def fact_table(groups: Mapping[str, Sequence[str]], codes: Callable[[str], tuple[np.ndarray, np.ndarray]]) -> Facts:
    """Tabulate which facts hold in n rows, and which of them their captions mention.

    groups: the values of each group of facts. codes: returns, for the name of a group, the codes that hold in the rows,
    (n, places), and those that their captions assert, (n, captions, places). A fact holds if its code is in any place.
    """
    names, true, said = list[str](), [], []
    for group, values in groups.items():
        held, told = codes(group)
        numbers = np.arange(len(values))
        names += [f"{group}:{value}" for value in values]
        true.append((held[:, :, None] == numbers).any(axis=1))
        said.append((told[:, :, :, None] == numbers).any(axis=2))
    return Facts(tuple(names), np.concatenate(true, axis=1), np.concatenate(said, axis=2))


def lifted(codes: np.ndarray, parents: Sequence[int]) -> np.ndarray:
    """Replace the codes of kinds by those of their parents in a taxonomy; SILENT stays. parents: one for each kind."""
    return np.array([*parents, SILENT], dtype=np.int16)[codes]


def with_article(words: str, plurals: tuple[str, ...]) -> str:
    """Put "a" or "an" before words, unless they end in one of the plurals."""
    if words.endswith(plurals):
        return words
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
