"""Paper 4, claims 5 and 8: from ranks to evidence, with intervals over seeds and pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lib.papers.p4.caption_ranks import MeasuredRanks, Pool
from lib.papers.p4.oracle_masks import ORACLE
from lib.report.effects import Effect, nested
from lib.report.evidence import Evidence

MAIN, TUNED, TEXT = "masker", "masker + text", "text only"
OTHER = "other caption's mask"
DIRECTIONS = ("i2t", "t2i")


def hits_per_picture(one: MeasuredRanks, pool: Pool, direction: str) -> np.ndarray:
    """(pictures,) in percent: whether a picture finds a caption of its own first, or the share of its captions that
    find it."""
    if direction == "i2t":
        return 100.0 * (one.ranks.image_to_text.ranks <= 1)
    found = 100.0 * (one.ranks.text_to_image.ranks <= 1)
    return np.bincount(pool.owner, found, len(pool.image)) / np.bincount(pool.owner, minlength=len(pool.image))


class Hits:
    """R@1 per picture of every arm, pool and direction."""

    def __init__(self, measured: Sequence[MeasuredRanks], pools: Sequence[Pool]) -> None:
        self.pools = {pool.name: pool for pool in pools}
        self.by = {(one.pool, one.arm, one.seed): one for one in measured if one.pool in self.pools}
        self.seeds = sorted({seed for _, _, seed in self.by})
        self.arms = list(dict.fromkeys(arm for _, arm, _ in self.by))

    def of(self, arm: str, directions: Sequence[str] = DIRECTIONS) -> np.ndarray:
        """(seeds, pictures): the mean over pools and directions."""
        cells = [
            [
                hits_per_picture(self.by[name, arm, seed], pool, direction)
                for name, pool in self.pools.items()
                for direction in directions
            ]
            for seed in self.seeds
        ]
        return np.mean(cells, axis=1)

    def gain(self, arm: str, over: str, directions: Sequence[str] = DIRECTIONS) -> Effect:
        """R@1 of an arm minus that of another, in points."""
        return nested(self.of(arm, directions) - self.of(over, directions))

    def control(self, arm: str, over: str) -> Effect | None:
        """`gain`, or None where the arm was not measured."""
        return self.gain(arm, over) if arm in self.arms else None


def retrieving(measured: Sequence[MeasuredRanks], pools: Sequence[Pool]) -> Evidence:
    """Claim 5. pools: the main ones, which share their pictures."""
    hits = Hits(measured, pools)
    return Evidence(
        "p4.5",
        {
            "gain over unedited": hits.gain(TUNED, "unedited"),
            "gain of pictures to texts": hits.gain(TUNED, "unedited", ("i2t",)),
            "gain of texts to pictures": hits.gain(TUNED, "unedited", ("t2i",)),
            "gain over tuned text": hits.gain(TUNED, TEXT),
        },
        hits.seeds,
        len(pools[0].image),
        positive=hits.control(ORACLE, "unedited"),
        negative=hits.gain(OTHER, "unedited"),
        context={
            "gain of the masker alone": hits.gain(MAIN, "unedited"),
            "gain of tuned text alone": hits.gain(TEXT, "unedited"),
            "gain of the dictionary with all latents kept": hits.gain("all latents kept", "unedited"),
        },
    )


def needing(measured: Sequence[MeasuredRanks], pools: Sequence[Pool]) -> Evidence:
    """Claim 8. pools: as for `retrieving`."""
    hits = Hits(measured, pools)
    free = ("latent query", "constant mask", "residual dropped")
    return Evidence(
        "p4.8",
        {
            "advantage over a dimension mask": hits.gain(MAIN, "dimension mask"),
            "advantage over leaky training": hits.gain(MAIN, "leaky training"),
            "advantage over tuned text": hits.gain(TUNED, TEXT),
        },
        hits.seeds,
        len(pools[0].image),
        positive=hits.control(ORACLE, "dimension mask"),
        negative=hits.gain(OTHER, "dimension mask"),
        context={f"R@1, {arm}": nested(hits.of(arm)) for arm in (MAIN, TUNED, "unedited", "all latents kept", *free)},
    )
