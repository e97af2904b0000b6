"""The measured runs of one material, and the effects on which claims rest: levels, gains and ratios of its arms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.papers.p3.pair_dictionaries import PAIRED_ARMS
from lib.report.effects import Effect, nested, over_seeds
from lib.report.seeds import per_seed, seeds_of

EMBEDDINGS, KNOWN_CONCEPTS = "dense embeddings", "known concepts"
"""Arms of `MeasuredRuns.controls` for which nothing is trained."""


@dataclass(frozen=True)
class MeasuredRuns:
    """The results of the dictionaries of one material: a world's embeddings, or the controlled vectors, never both."""

    table: pd.DataFrame
    """`measures.measure_dictionaries`: one row for each arm and seed."""
    n: int
    """Test pairs."""
    controls: pd.DataFrame
    """The same columns, as far as they are known, of control arms and of `measures.references`."""
    pairs: pd.DataFrame | None = None
    """`measures.pair_table`, where all seeds share their test pairs; None where each seed draws its own, so that the
    scatter over seeds includes that over pairs."""

    @property
    def seeds(self) -> list[int]:
        """The seeds of the runs, increasing."""
        return seeds_of(self.table)

    def has(self, column: str) -> bool:
        """True if the material has what a column needs, such as a judge or classes."""
        return bool(self.table[column].notna().all())

    def values(self, column: str, arm: str) -> np.ndarray:
        """(seeds,): a column of an arm."""
        return per_seed(self.table, column, arm=arm)

    def control(self, column: str, arm: str) -> np.ndarray:
        """(seeds,): a column of a control."""
        return per_seed(self.controls, column, arm=arm)

    def control_gain(self, column: str, control: str, over: str) -> Effect:
        """A column of a control minus that of an arm, seed by seed."""
        return over_seeds(self.control(column, control) - self.values(column, over))

    def ceiling(self, column: str) -> np.ndarray:
        """(seeds,): a column of EMBEDDINGS or of KNOWN_CONCEPTS, of the larger one as far as they are known."""
        known = self.controls[self.controls.arm.isin([EMBEDDINGS, KNOWN_CONCEPTS])]
        return known.groupby("seed")[column].max().to_numpy()

    def ceiling_gain(self, column: str, over: str) -> Effect:
        """The ceiling of a column minus that of an arm, seed by seed."""
        return over_seeds(self.ceiling(column) - self.values(column, over))

    def level(self, column: str, arm: str) -> Effect:
        """A column of an arm."""
        pairs = self._per_pair(column, arm)
        return over_seeds(self.values(column, arm)) if pairs is None else nested(pairs)

    def gain(self, column: str, arm: str, over: str) -> Effect:
        """A column of an arm minus that of another, seed by seed and, where they are known, pair by pair."""
        first, second = self._per_pair(column, arm), self._per_pair(column, over)
        if first is None or second is None:
            return over_seeds(self.values(column, arm) - self.values(column, over))
        return nested(first - second)

    def shared(self, arm: str) -> np.ndarray:
        """(seeds,): share of an arm's latents that both modalities use."""
        return share_of_latents(self.table, arm)

    def control_shared(self, arm: str) -> np.ndarray:
        """(seeds,): the same of a control."""
        return share_of_latents(self.controls, arm)

    def ratio(self, column: str, arm: str, over: str) -> Effect:
        """A column of an arm over that of another, seed by seed."""
        return over_seeds(self.values(column, arm) / self.values(column, over))

    def levels(self, column: str, label: str) -> dict[str, Effect]:
        """A column of each of PAIRED_ARMS, by names for the further numbers of a card."""
        return {f"{label}, {arm}": self.level(column, arm) for arm in PAIRED_ARMS}

    def _per_pair(self, column: str, arm: str) -> np.ndarray | None:
        """(seeds, pairs): a column for the pairs on which it was measured; None where it is not known by pair."""
        if self.pairs is None or column not in self.pairs:
            return None
        rows = self.pairs[self.pairs.arm == arm]
        return rows.pivot(index="seed", columns="pair", values=column).to_numpy(np.float64)


def share_of_latents(table: pd.DataFrame, arm: str) -> np.ndarray:
    """(seeds,): share of an arm's latents that both modalities use."""
    return per_seed(table, "both", arm=arm) / per_seed(table, "width", arm=arm)
