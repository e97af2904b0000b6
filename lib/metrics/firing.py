"""How often latents fire: L0, firing rate, dead latents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.base.errors import CompanionError
from lib.sae.codes import SparseCodes


@dataclass(frozen=True)
class Firing:
    """How often each latent is non-zero over a number of rows.

    A latent is dead if it never fired in these rows. The more rows, the fewer dead latents, so state the number of rows
    with every dead count.
    """

    counts: np.ndarray
    """(width,) number of rows in which each latent is non-zero."""
    rows: int
    """Number of rows counted."""

    @property
    def l0(self) -> float:
        """Mean number of active latents per row."""
        return float(self.counts.sum() / self.rows)

    @property
    def rate(self) -> np.ndarray:
        """(width,) share of rows in which each latent fires."""
        return self.counts / self.rows

    @property
    def dead(self) -> int:
        """Number of latents that never fired."""
        return int((self.counts == 0).sum())

    @property
    def dead_share(self) -> float:
        """Share of latents that never fired."""
        return self.dead / len(self.counts)

    def merge(self, other: Firing) -> Firing:
        """Add the counts over other rows."""
        if len(self.counts) != len(other.counts):
            raise CompanionError(
                f"firing of {len(self.counts)} and {len(other.counts)} latents; merge counts of one dictionary"
            )
        return Firing(self.counts + other.counts, self.rows + other.rows)


def firing(codes: SparseCodes) -> Firing:
    """Count in how many rows of `codes` each latent fires.

    Examples
    --------
    >>> codes = SparseCodes.from_matrix(np.array(["a", "b"]), np.array([[0, 2.0, 0], [0, 1.0, 3.0]]))
    >>> found = firing(codes)
    >>> found.l0, found.dead, found.rate.tolist()
    (1.5, 1, [0.0, 1.0, 0.5])
    """
    if len(codes) == 0 or codes.width == 0:
        raise CompanionError(f"codes of {len(codes)} rows and {codes.width} latents; give at least one of each")
    return Firing(np.bincount(codes.indices[codes.values != 0], minlength=codes.width), len(codes))
