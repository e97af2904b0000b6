"""The m rows that activate each latent most, collected from streamed codes without a dense rows x width matrix."""

from __future__ import annotations

import numpy as np

from lib.base.errors import CompanionError
from lib.sae.codes import SparseCodes


class TopExamples:
    """The top m rows of every latent; rows are numbered from 0 in the order in which they come.

    The earlier row wins a tie. Only rows with a positive activation count: a latent that fires on fewer than m rows has
    a shorter list, not one filled up with rows on which it is silent.
    """

    def __init__(self, width: int, m: int = 16) -> None:
        if width < 1 or m < 1:
            raise CompanionError(f"top {m} rows of {width} latents; give at least 1 of each")
        self.width, self.m, self.seen = width, m, 0
        # One entry per kept row, sorted by latent, then by falling value, then by row.
        self._latents, self._rows = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._values = np.zeros(0)

    def update(self, codes: SparseCodes) -> TopExamples:
        """Add the next rows."""
        self._same_width(codes.width)
        rows = np.repeat(np.arange(len(codes)), np.diff(codes.indptr)) + self.seen
        self._keep(codes.indices, rows, codes.values)
        self.seen += len(codes)
        return self

    def merge(self, other: TopExamples) -> TopExamples:
        """Add the rows that `other` has seen; they are numbered after those seen here."""
        self._same_width(other.width)
        if self.m != other.m:
            raise CompanionError(f"top {self.m} and top {other.m} rows cannot merge; use one m for all shards")
        self._keep(other._latents, other._rows + self.seen, other._values)
        self.seen += other.seen
        return self

    @property
    def counts(self) -> np.ndarray:
        """(width,) length of each latent's list, at most m."""
        return np.bincount(self._latents, minlength=self.width)

    @property
    def rows(self) -> np.ndarray:
        """(width, m) row numbers, the strongest first; -1 after the end of a list."""
        return self._padded(self._rows, -1)

    @property
    def values(self) -> np.ndarray:
        """(width, m) activations of `rows`; 0 after the end of a list."""
        return self._padded(self._values, 0)

    def _same_width(self, width: int) -> None:
        if width != self.width:
            raise CompanionError(f"codes of {width} latents for lists of {self.width}; use one dictionary")

    def _keep(self, latents: np.ndarray, rows: np.ndarray, values: np.ndarray) -> None:
        """Merge entries of later rows into the lists."""
        weakest = np.zeros(self.width)  # stays 0 where a list has room, so a silent row never enters
        full = self._places() == self.m - 1
        weakest[self._latents[full]] = self._values[full]
        better = values > weakest[latents]
        latents = np.concatenate([self._latents, latents[better]])
        rows = np.concatenate([self._rows, rows[better]])
        values = np.concatenate([self._values, values[better]])
        order = np.lexsort((rows, -values, latents))
        self._latents, self._rows, self._values = latents[order], rows[order], values[order]
        kept = self._places() < self.m
        self._latents, self._rows, self._values = self._latents[kept], self._rows[kept], self._values[kept]

    def _places(self) -> np.ndarray:
        """Place of every entry in its latent's list, from 0."""
        return np.arange(len(self._latents)) - np.searchsorted(self._latents, self._latents)

    def _padded(self, entries: np.ndarray, fill: float) -> np.ndarray:
        table = np.full((self.width, self.m), fill, entries.dtype)
        table[self._latents, self._places()] = entries
        return table


def top_examples(codes: SparseCodes, m: int = 16) -> TopExamples:
    """Collect the top m rows of every latent over all rows of `codes`.

    Examples
    --------
    >>> matrix = np.array([[5.0, 0], [7, 1], [6, 0]])
    >>> codes = SparseCodes.from_matrix(np.array(["a", "b", "c"]), matrix)
    >>> top_examples(codes, m=2).rows.tolist()  # -1 where a list is shorter
    [[1, 2], [1, -1]]
    """
    return TopExamples(codes.width, m).update(codes)
