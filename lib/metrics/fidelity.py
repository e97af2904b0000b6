"""How close a reconstruction is to its input: fraction of variance unexplained (FVU), R2, cosine.

FVU = sum |x - x_hat|^2 / sum |x - mean(x)|^2, around the mean of x over the data set, not around zero. R2 = 1 - FVU.
Pach et al. (arXiv 2504.02821) report R2 from the variance of the residual, which forgives a constant offset; ours
counts it. All sums are float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.base.errors import CompanionError
from lib.metrics.rows import blocks, finite_matrix


@dataclass(frozen=True)
class Fidelity:
    """How well the rows of a data set are reconstructed."""

    fvu: float
    """Fraction of variance unexplained: 0 is perfect, 1 is no better than the mean."""
    explained: np.ndarray
    """(d,) 1 - FVU of each dimension, NaN where the dimension is constant."""
    cosine: float
    """Mean cosine of a row and its reconstruction, where a reconstruction of norm zero counts as 0."""
    rows: int
    """Number of rows."""

    @property
    def r2(self) -> float:
        """Coefficient of determination, 1 - FVU."""
        return 1 - self.fvu


class FidelitySums:
    """Sums over rows of `dims` dimensions; chunks and shards merge exactly (up to float64 rounding)."""

    def __init__(self, dims: int) -> None:
        self.rows = 0
        self.mean, self.variation, self.residual = np.zeros(dims), np.zeros(dims), np.zeros(dims)
        self.cosine = 0.0

    def update(self, x: np.ndarray, x_hat: np.ndarray) -> FidelitySums:
        """Add rows x (n, d) and their reconstructions x_hat (n, d)."""
        x, x_hat = (
            finite_matrix("inputs", x).astype(np.float64),
            finite_matrix("reconstructions", x_hat).astype(np.float64),
        )
        if x.shape != x_hat.shape or x.shape[1] != len(self.mean):
            raise CompanionError(
                f"inputs {x.shape} and reconstructions {x_hat.shape} for sums of {len(self.mean)} dimensions; "
                "give one reconstruction of each row"
            )
        chunk = FidelitySums(x.shape[1])
        # Relative to its first row, so that the variation of constant data is exactly zero.
        around = x - x[0]
        chunk.mean = x[0] + around.mean(axis=0)
        chunk.variation = ((around - around.mean(axis=0)) ** 2).sum(axis=0)
        chunk.residual = ((x - x_hat) ** 2).sum(axis=0)
        norms = np.linalg.norm(x, axis=1) * np.linalg.norm(x_hat, axis=1)
        dots = np.einsum("nd,nd->n", x, x_hat)
        chunk.cosine = float(np.divide(dots, norms, out=np.zeros_like(dots), where=norms > 0).sum())
        chunk.rows = len(x)
        return self.merge(chunk)

    def merge(self, other: FidelitySums) -> FidelitySums:
        """Add the sums over other rows (parallel variance of Chan, Golub and LeVeque, 1979)."""
        if len(self.mean) != len(other.mean):
            raise CompanionError(f"sums of {len(self.mean)} and {len(other.mean)} dimensions; use one encoder")
        rows = self.rows + other.rows
        if rows > 0:
            shift = other.mean - self.mean
            self.variation = self.variation + other.variation + shift**2 * (self.rows * other.rows / rows)
            self.mean = self.mean + shift * (other.rows / rows)
        self.residual = self.residual + other.residual
        self.cosine += other.cosine
        self.rows = rows
        return self

    def result(self) -> Fidelity:
        """Compute the fidelity from the sums; raises an error if the data are constant, where FVU has no meaning."""
        if not self.variation.any():
            raise CompanionError(f"{self.rows} rows without variance have no FVU; give rows that differ")
        unexplained = np.full_like(self.residual, np.nan)
        np.divide(self.residual, self.variation, out=unexplained, where=self.variation > 0)
        fvu = float(self.residual.sum() / self.variation.sum())
        return Fidelity(fvu=fvu, explained=1 - unexplained, cosine=self.cosine / self.rows, rows=self.rows)


def fidelity(x: np.ndarray, x_hat: np.ndarray, *, chunk: int = 8192) -> Fidelity:
    """Measure reconstructions x_hat (n, d) of x (n, d); `chunk` rows are converted to float64 at a time.

    Examples
    --------
    >>> x = np.array([[1.0, 0], [0, 1], [1, 1]])
    >>> fidelity(x, x).fvu, round(fidelity(x, np.tile(x.mean(axis=0), (3, 1))).fvu, 3)
    (0.0, 1.0)
    """
    if np.shape(x) != np.shape(x_hat) or np.ndim(x) != 2:
        raise CompanionError(
            f"inputs {np.shape(x)} and reconstructions {np.shape(x_hat)}; give two matrices of the same shape"
        )
    sums = FidelitySums(x.shape[1])
    for rows in blocks(len(x), chunk):
        sums.update(x[rows], x_hat[rows])
    return sums.result()


def fvu(x: np.ndarray, x_hat: np.ndarray) -> float:
    """Fraction of variance unexplained of reconstructions x_hat (n, d) of x (n, d)."""
    return fidelity(x, x_hat).fvu


def r2(x: np.ndarray, x_hat: np.ndarray) -> float:
    """Coefficient of determination, 1 - FVU, over all dimensions together."""
    return fidelity(x, x_hat).r2
