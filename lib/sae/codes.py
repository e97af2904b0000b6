"""Sparse codes, the type that leaves `lib/sae`: one CSR matrix of latent activations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from lib.base.errors import CompanionError


@dataclass(frozen=True)
class SparseCodes:
    """Activations of `width` latents for n rows; only the non-zero ones are stored.

    ids: (n,) strings. indptr (n + 1,), indices (nnz,), values (nnz,): row i holds `values[indptr[i]:indptr[i + 1]]`
    at the latents `indices[...]`, in increasing order. width: the number of latents, live and dead ones.

    Examples
    --------
    >>> codes = SparseCodes.from_matrix(np.array(["a", "b"]), np.array([[0, 2.0, 0], [1.0, 0, 3.0]]))
    >>> codes.width, codes.indices.tolist(), codes.values.tolist()
    (3, [1, 0, 2], [2.0, 1.0, 3.0])
    >>> codes.csr().shape, float(codes.dense().sum())
    ((2, 3), 6.0)
    """

    ids: np.ndarray
    indptr: np.ndarray
    indices: np.ndarray
    values: np.ndarray
    width: int

    def __post_init__(self) -> None:
        if len(self.indptr) != len(self.ids) + 1:
            raise CompanionError(f"codes of {len(self.indptr) - 1} rows for {len(self.ids)} ids; give each id a row")
        ends = (self.indptr[0], self.indptr[-1])
        if ends != (0, len(self.values)) or (np.diff(self.indptr) < 0).any() or len(self.indices) != len(self.values):
            raise CompanionError(
                f"codes whose rows go from {ends[0]} to {ends[1]} of {len(self.indices)} latents and "
                f"{len(self.values)} values; make them with `encode`"
            )
        if len(self.indices) and not (self.indices.min() >= 0 and self.indices.max() < self.width):
            raise CompanionError(f"codes name latents outside 0 to {self.width - 1}; make them with `encode`")
        if not np.isfinite(self.values).all():
            raise CompanionError("codes contain NaN or infinity; check the input embeddings and the dictionary")

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def from_matrix(cls, ids: np.ndarray, matrix: np.ndarray | sp.sparray) -> SparseCodes:
        """Make codes from a dense or scipy-sparse (n, width) matrix; zeros are dropped."""
        csr = sp.csr_array(matrix, copy=True)
        csr.sum_duplicates()
        csr.eliminate_zeros()
        return cls(ids, csr.indptr, csr.indices, csr.data, csr.shape[1])

    def csr(self) -> sp.csr_array:
        """Return the (n, width) matrix as scipy CSR, which shares memory."""
        return sp.csr_array((self.values, self.indices, self.indptr), shape=(len(self), self.width))

    def dense(self) -> np.ndarray:
        """Return the (n, width) matrix as a dense array, for small cases and tests."""
        return self.csr().toarray()
