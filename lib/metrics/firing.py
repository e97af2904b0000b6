"""How often latents fire: L0, firing rate, dead latents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.data.errors import CompanionError
from lib.sae.codes import SparseCodes


@dataclass(frozen=True)
class Firing:
    """counts (width,): rows in which a latent is non-zero, out of `rows`.

    A latent is dead if it never fired in these rows: state their number with every dead count, it falls with them.
    """

    counts: np.ndarray
    rows: int

    @property
    def l0(self) -> float:
        """Mean number of active latents per row."""
        return float(self.counts.sum() / self.rows)

    @property
    def rate(self) -> np.ndarray:
        """Share of rows in which each latent fires, (width,)."""
        return self.counts / self.rows

    @property
    def dead(self) -> int:
        """Number of latents that never fired."""
        return int((self.counts == 0).sum())

    @property
    def dead_share(self) -> float:
        """Share of latents that never fired."""
        return self.dead / len(self.counts)

    @property
    def live_share(self) -> float:
        """Share of latents that fired at least once."""
        return 1 - self.dead_share

    def merge(self, other: Firing) -> Firing:
        """Counts over both sets of rows."""
        if len(self.counts) != len(other.counts):
            raise CompanionError(
                f"firing of {len(self.counts)} and {len(other.counts)} latents; merge counts of one dictionary"
            )
        return Firing(self.counts + other.counts, self.rows + other.rows)


def firing(codes: SparseCodes) -> Firing:
    """Firing counts of every latent over the rows of `codes`."""
    if len(codes) == 0 or codes.width == 0:
        raise CompanionError(f"codes of {len(codes)} rows and {codes.width} latents; give at least one of each")
    return Firing(np.bincount(codes.indices[codes.values != 0], minlength=codes.width), len(codes))
