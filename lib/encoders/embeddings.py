"""What an encoder makes of pairs: the type that leaves `lib/encoders`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from lib.data.errors import CompanionError

Tower = Literal["image", "text"]


@dataclass(frozen=True)
class Embeddings:
    """Row-aligned vectors of one encoder.

    ids: (n,) strings. image, text: float32 (n, d) each, or None where the encoder has no such tower; row i of both
    belongs to pair i (the text row is that of the pair's first caption). Where the pairs have sounds, `image` is what
    the tower of sounds makes of them. normalised: whether rows have unit norm.
    identity: plain JSON that decides the bytes; cache keys of what is trained on them contain it.
    """

    ids: np.ndarray
    image: np.ndarray | None
    text: np.ndarray | None
    encoder: str
    normalised: bool
    identity: dict[str, Any] = field(repr=False)

    def __post_init__(self) -> None:
        for name in ("image", "text"):
            matrix = getattr(self, name)
            if matrix is None:
                continue
            if matrix.ndim != 2 or len(matrix) != len(self.ids):
                raise CompanionError(
                    f"{self.encoder}: {name} embeddings of shape {matrix.shape} for {len(self.ids)} ids; "
                    "give one row for each id"
                )
            if not np.isfinite(matrix).all():
                bad = int((~np.isfinite(matrix).all(axis=1)).argmax())
                raise CompanionError(
                    f"{self.encoder}: the {name} embedding of {str(self.ids[bad])!r} holds NaN or infinity; "
                    "embed it again or drop it"
                )
        if self.image is None and self.text is None:
            raise CompanionError(f"{self.encoder}: neither image nor text embeddings; give at least one")

    def __len__(self) -> int:
        return len(self.ids)

    def tower(self, tower: Tower) -> np.ndarray:
        """The (n, d) matrix of one tower; an error if this encoder has none."""
        matrix = self.image if tower == "image" else self.text
        if matrix is None:
            raise CompanionError(f"{self.encoder} has no {tower} embeddings; use the other tower or encoder")
        return matrix

    def unit(self) -> Embeddings:
        """The same embeddings with rows of unit norm; an error names a row of norm zero."""
        if self.normalised:
            return self

        def scale(matrix: np.ndarray | None) -> np.ndarray | None:
            if matrix is None:
                return None
            norms = np.linalg.norm(matrix.astype(np.float64), axis=1, keepdims=True)
            if (norms == 0).any():
                zero = str(self.ids[int((norms[:, 0] == 0).argmax())])
                raise CompanionError(f"{self.encoder}: the embedding of {zero!r} is zero and has no direction; drop it")
            return (matrix / norms).astype(np.float32)

        return replace(
            self,
            image=scale(self.image),
            text=scale(self.text),
            normalised=True,
            identity={**self.identity, "unit": True},
        )

    def rows(self, chosen: np.ndarray, name: str) -> Embeddings:
        """The rows with numbers `chosen` (n',); `name` says which choice, for the identity."""
        return replace(
            self,
            ids=self.ids[chosen],
            image=None if self.image is None else self.image[chosen],
            text=None if self.text is None else self.text[chosen],
            identity={**self.identity, "rows": name},
        )
