"""Paper 1, claim C8: dictionaries of later blocks score higher.

Pach et al., arXiv 2504.02821, tables 1a and A2: class tokens after blocks 11, 17, 22 and 23 of CLIP ViT-L, and the
projected embedding. Here every block of the small tower. An untrained dictionary of the same sparsity says how much of
a rise is the block's own geometry.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from lib.data.progress import progress
from lib.encoders.hooks import find_blocks
from lib.report.claims import Claim, claim_over_seeds
from lib.report.verdicts import above
from lib.run.start import Session
from lib.run.studies.dictionaries import Recipe, fit
from lib.run.studies.monosemanticity import score

EXPANSION, STEPS, TRAIN = 1, 200, 6000
"""Width over the block's, steps of every dictionary, and training pictures at most. The paper's layers are alike at
every width, so the smallest one does; steps and pictures are fewer than the profile's, since five places with three
seeds each are trained, and the inner blocks of all pictures are computed for this alone."""

NOTEBOOK, TOLERANCE = "13_checks", 0.073
ARMS = ("matryoshka", "untrained", "raw")


def layer_table(session: Session, judge: str) -> pd.DataFrame:
    """One row for each place, arm and seed: mean, best and chance-corrected mean MS, share of live latents, R2.

    place: block number from 0, or the number of blocks for the embedding. arm: matryoshka, untrained or raw (the class
    token itself; it has no seed, and stands in every one).
    """
    session = _with_fewer_pictures(session)
    matrix = session.world.judges("test")[judge].tower("image")
    blocks = len(find_blocks(session.world.encoder).modules)
    runs = [(place, arm, seed) for place in range(blocks + 1) for arm in ARMS for seed in session.seeds]
    rows = []
    for place, arm, seed in progress(runs, desc="layers"):
        layer = place if place < blocks else None
        about = {"place": place, "arm": arm, "seed": seed}
        if arm == "raw":
            activations, r2 = session.world.activations("test", layer).tower("image"), np.nan
        else:
            k, trained = session.profile.sae.k, arm != "untrained"
            recipe = Recipe("matryoshka", EXPANSION, k, layer=layer, trained=trained, steps=STEPS)
            fitted = fit(session, recipe, seed)
            activations, r2 = fitted.codes, fitted.fidelity.r2
        scores = score(activations, matrix)
        corrected = float(scores.corrected[scores.live].mean())
        rows.append(about | scores.summary() | {"corrected": corrected, "r2": r2})
    return pd.DataFrame(rows)


def _with_fewer_pictures(session: Session) -> Session:
    splits = session.profile.splits
    fewer = splits.model_copy(update={"train": min(TRAIN, splits.train)})
    return replace(session, profile=session.profile.model_copy(update={"splits": fewer}))


def means(table: pd.DataFrame, arm: str) -> np.ndarray:
    """(seeds, places) mean MS of an arm."""
    return table[table.arm == arm].pivot(index="seed", columns="place", values="mean").to_numpy()


def claim_c8(table: pd.DataFrame, n: int) -> Claim:
    """The mean score rises from the first block to the last."""
    trained, untrained = (means(table, arm) for arm in ("matryoshka", "untrained"))
    rise = trained[:, -2] - trained[:, 0]
    seeds = sorted(int(seed) for seed in table.seed.unique())
    return claim_over_seeds(
        "p1.C8",
        dict(zip(seeds, rise.tolist(), strict=True)),
        above(rise, 0.0),
        statement="dictionaries of the last block score higher than those of the first",
        expected="up",
        metric=f"mean MS of Matryoshka x{EXPANSION}, last block minus first block, class token",
        n=n,
        why="the difference must be positive in every seed",
        controls={
            "untrained": (untrained[:, -2] - untrained[:, 0]).mean(),
            "embedding minus last block": (trained[:, -1] - trained[:, -2]).mean(),
            **{f"block {place}": value for place, value in enumerate(trained.mean(axis=0)[:-1])},
        },
        tolerance=TOLERANCE,
        notebook=NOTEBOOK,
    )
