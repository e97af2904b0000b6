"""Sparse codes: the type that leaves `lib/sae`, one CSR matrix of latent activations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from lib.data.errors import CompanionError


@dataclass(frozen=True)
class SparseCodes:
    """Activations of `width` latents for n rows; only the non-zero ones are stored.

    ids: (n,) strings. indptr (n + 1,), indices (nnz,), values (nnz,): row i holds `values[indptr[i]:indptr[i + 1]]`
    at the latents `indices[...]`, in increasing order. width: the number of latents, live or dead.
    """

    ids: np.ndarray
    indptr: np.ndarray
    indices: np.ndarray
    values: np.ndarray
    width: int

    def __post_init__(self) -> None:
        if len(self.indptr) != len(self.ids) + 1:
            raise CompanionError(f"codes of {len(self.indptr) - 1} rows for {len(self.ids)} ids; give each id a row")
        if len(self.indices) and not (self.indices.min() >= 0 and self.indices.max() < self.width):
            raise CompanionError(f"codes name latents outside 0 to {self.width - 1}; make them with `encode`")
        if not np.isfinite(self.values).all():
            raise CompanionError("codes hold NaN or infinity; check the input embeddings and the dictionary")

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def from_matrix(cls, ids: np.ndarray, matrix: np.ndarray | sp.sparray) -> SparseCodes:
        """Codes from a dense or scipy-sparse (n, width) matrix; zeros are dropped."""
        csr = sp.csr_array(matrix, copy=True)
        csr.sum_duplicates()
        csr.eliminate_zeros()
        return cls(ids, csr.indptr, csr.indices, csr.data, csr.shape[1])

    @classmethod
    def from_topk(cls, ids: np.ndarray, indices: np.ndarray, values: np.ndarray, width: int) -> SparseCodes:
        """Codes from (n, k) latent numbers and values; entries of value 0 are dropped."""
        n, k = indices.shape
        csr = sp.csr_array((values.ravel(), indices.ravel(), np.arange(0, n * k + 1, k)), shape=(n, width))
        return cls.from_matrix(ids, csr)

    def csr(self) -> sp.csr_array:
        """The (n, width) matrix as scipy CSR, sharing memory."""
        return sp.csr_array((self.values, self.indices, self.indptr), shape=(len(self), self.width))

    def dense(self) -> np.ndarray:
        """The (n, width) matrix, dense; for small cases and oracles."""
        return self.csr().toarray()
