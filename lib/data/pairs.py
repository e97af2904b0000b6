"""Pairs of images or sounds and captions with what is known to be true of them: the type that leaves `lib/data`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from PIL import Image

from lib.data.audio import Sound
from lib.data.errors import CompanionError


@dataclass(frozen=True)
class Facts:
    """Ground truth of a set of pairs.

    names: the facts, as `group:value` (`kind:umbrella`, `colour:red`, `background:striped`).
    truth: bool (pairs, facts); whether the fact holds in the image or sound.
    mentioned: bool (pairs, captions a pair, facts); whether the caption says it.
    """

    names: tuple[str, ...]
    truth: np.ndarray
    mentioned: np.ndarray

    def group(self, name: str) -> np.ndarray:
        """Column numbers of the facts of one group, in the order of `names`."""
        columns = [i for i, fact in enumerate(self.names) if fact.split(":", 1)[0] == name]
        if not columns:
            groups = ", ".join(sorted({fact.split(":", 1)[0] for fact in self.names}))
            raise CompanionError(f"no facts of group {name!r}; known groups: {groups}")
        return np.array(columns)


@dataclass(frozen=True)
class Pairs:
    """Images, or sounds, with their captions, row by row.

    ids: (n,) strings, unique. images: n pictures, decoded when asked for (`images[i]` is an RGB `PIL.Image`), or
    None where only text or only embeddings exist. captions: n tuples of at least one caption each, or None.
    identity: plain JSON that decides every byte of the rest; cache keys are made of it. sounds: n sounds, made or read
    when asked for, where the pairs have those in place of images.
    """

    ids: np.ndarray
    images: Sequence[Image.Image] | None
    captions: tuple[tuple[str, ...], ...] | None
    identity: dict[str, Any] = field(repr=False)
    facts: Facts | None = field(default=None, repr=False)
    sounds: Sequence[Sound] | None = None

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
        """The images, or the sounds: whatever the captions are about."""
        return self.sounds if self.images is None else self.images

    def first(self, n: int) -> Pairs:
        """The first n pairs."""
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
