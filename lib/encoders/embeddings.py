"""The type that leaves `lib/encoders`: the vectors that an encoder makes from pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from lib.base.errors import CompanionError
from lib.base.vectors import normalise_rows
from lib.encoders.row_files import Mapped, by_reference, first_not_finite, made_of, row_blocks

Tower = Literal["image", "text"]


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Row-aligned vectors of one encoder.

    ids: (n,) strings. image, text: float32 (n, d) each, or None where the encoder has no such tower; row i of both
    belongs to pair i (the text row is that of the pair's first caption). Where the pairs have sounds, `image` holds the
    vectors of the sound tower. normalised: whether rows have unit norm.
    identity: plain JSON that decides the bytes; it is part of the cache keys of everything trained on them.

    Matrices may be memory maps of files that are larger than memory: every method works on blocks of rows, and a result
    of that size is also such a file (`lib.encoders.row_files`).

    Examples
    --------
    >>> rows = np.array([[3, 4], [0, 2]], np.float32)
    >>> embeddings = Embeddings(np.array(["a", "b"]), rows, None, "by hand", False, {"made": "by hand"})
    >>> len(embeddings), embeddings.unit().tower("image").astype(float).round(2).tolist()
    (2, [[0.6, 0.8], [0.0, 1.0]])
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
            bad = first_not_finite(matrix)
            if bad is not None:
                raise CompanionError(
                    f"{self.encoder}: the {name} embedding of {str(self.ids[bad])!r} contains NaN or infinity; "
                    "embed it again or drop it"
                )
        if self.image is None and self.text is None:
            raise CompanionError(f"{self.encoder}: neither image nor text embeddings; give at least one")

    def __len__(self) -> int:
        return len(self.ids)

    def tower(self, tower: Tower) -> np.ndarray:
        """Return the (n, d) matrix of one tower; raises CompanionError if this encoder has no such tower."""
        matrix = self.image if tower == "image" else self.text
        if matrix is None:
            raise CompanionError(f"{self.encoder} has no {tower} embeddings; use the other tower or encoder")
        return matrix

    def unit(self) -> Embeddings:
        """Return the same embeddings with rows of unit norm; an error names a row of norm zero."""
        if self.normalised:
            return self

        def scaled(matrix: np.ndarray) -> Iterator[np.ndarray]:
            for rows in row_blocks(matrix):
                if not (there := matrix[rows].any(axis=1)).all():
                    zero = str(self.ids[rows.start + int(there.argmin())])
                    raise CompanionError(
                        f"{self.encoder}: the embedding of {zero!r} is zero and has no direction; drop it"
                    )
                yield normalise_rows("embeddings", matrix[rows].astype(np.float64)).astype(np.float32)

        return self._made(scaled, self.ids, {**self.identity, "unit": True}, normalised=True)

    def rows(self, chosen: np.ndarray, name: str) -> Embeddings:
        """Select the rows with numbers `chosen` (n',); `name` describes the choice, for the identity."""
        numbers = np.arange(len(self))[chosen]

        def picked(matrix: np.ndarray) -> Iterator[np.ndarray]:
            return (matrix[numbers[rows]] for rows in row_blocks(matrix, len(numbers)))

        return self._made(picked, self.ids[numbers], {**self.identity, "rows": name}, normalised=self.normalised)

    def _made(
        self,
        parts: Callable[[np.ndarray], Iterator[np.ndarray]],
        ids: np.ndarray,
        identity: dict[str, Any],
        *,
        normalised: bool,
    ) -> Embeddings:
        """Make embeddings from these towers, part by part."""
        image, text = (
            None
            if matrix is None
            else made_of(matrix, parts(matrix), len(ids), {"embeddings": identity, "tower": name})
            for name, matrix in (("image", self.image), ("text", self.text))
        )
        return replace(self, ids=ids, image=image, text=text, normalised=normalised, identity=identity)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle large files by reference, so that another process maps them itself."""
        return {name: by_reference(value) for name, value in vars(self).items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value.open() if isinstance(value, Mapped) else value)
