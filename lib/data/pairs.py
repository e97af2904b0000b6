"""Pairs of an image or a sound and its captions, with the facts that are known of them: the type of `lib/data`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lib.base.errors import CompanionError

if TYPE_CHECKING:
    from PIL import Image

    from lib.data.formats.audio import Sound
    from lib.data.tally import Tally


@dataclass(frozen=True)
class Facts:
    """The ground truth of a set of pairs: which facts hold, and which of them the captions mention."""

    names: tuple[str, ...]
    """The facts as `group:value` (`kind:umbrella`, `colour:red`, `background:striped`)."""
    truth: np.ndarray
    """Whether each fact holds in each image or sound, bool (pairs, facts)."""
    mentioned: np.ndarray
    """Whether each caption mentions each fact, bool (pairs, captions per pair, facts)."""

    def group(self, name: str) -> np.ndarray:
        """Return the column numbers of the facts of a group, in the order of `names`."""
        columns = [i for i, fact in enumerate(self.names) if fact.split(":", 1)[0] == name]
        if not columns:
            groups = ", ".join(sorted({fact.split(":", 1)[0] for fact in self.names}))
            raise CompanionError(f"no facts of group {name!r}; known groups: {groups}")
        return np.array(columns)

    def untold(self, row: int) -> list[str]:
        """List the facts, as `group:value`, that hold in a pair and that none of its captions mentions."""
        silent = self.truth[row] & ~self.mentioned[row].any(axis=0)
        return [self.names[i] for i in np.flatnonzero(silent)]


@dataclass(frozen=True)
class Pairs:
    """Images, or sounds, with their captions: row i of every part belongs to pair i."""

    ids: np.ndarray
    """Unique strings, (n,)."""
    images: Sequence[Image.Image] | None
    """Pictures (n), each an RGB `PIL.Image` that is decoded when it is used, or None."""
    captions: tuple[tuple[str, ...], ...] | None
    """Tuples (n) of at least one caption each, or None."""
    identity: dict[str, Any] = field(repr=False)
    """Plain JSON that decides every byte of the other fields; cache keys are made of it."""
    facts: Facts | None = field(default=None, repr=False)
    """The ground truth, where it is known."""
    sounds: Sequence[Sound] | None = None
    """Sounds (n), each made or read when it is used, where the pairs have them in place of images."""
    tally: Tally | None = field(default=None, repr=False, compare=False)
    """The account of every entry of the user's files from which the pairs were read."""

    def __post_init__(self) -> None:
        n = len(self.ids)
        if len(set(self.ids.tolist())) != n:
            raise CompanionError("pairs have duplicate ids; give every pair its own")
        if self.images is not None and self.sounds is not None:
            raise CompanionError("pairs of images and of sounds at once; keep one of the two")
        for name, part in (("images", self.images), ("sounds", self.sounds), ("captions", self.captions)):
            if part is not None and len(part) != n:
                raise CompanionError(f"{len(part)} {name} for {n} ids; give one for each id")
        if self.facts is not None and len(self.facts.truth) != n:
            raise CompanionError(f"facts of {len(self.facts.truth)} pairs for {n} ids; give a row for each id")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def media(self) -> Sequence[Image.Image] | Sequence[Sound] | None:
        """The images or the sounds, whichever the captions describe."""
        return self.sounds if self.images is None else self.images

    def first(self, n: int) -> Pairs:
        """Return the first n pairs."""
        facts = self.facts and Facts(self.facts.names, self.facts.truth[:n], self.facts.mentioned[:n])
        return replace(
            self,
            ids=self.ids[:n],
            images=None if self.images is None else self.images[:n],
            sounds=None if self.sounds is None else self.sounds[:n],
            captions=None if self.captions is None else self.captions[:n],
            facts=facts,
            identity={**self.identity, "first": n},
        )
