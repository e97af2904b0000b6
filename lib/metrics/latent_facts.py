"""The fact of the ground truth that a latent stands for, found from its top pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.data.pairs import Facts
from lib.metrics.top_examples import top_examples
from lib.sae.codes import SparseCodes

NAMING = ("kind", "group", "realm", "colour", "texture", "background", "pattern")
"""Groups of facts that may name a latent."""


@dataclass(frozen=True)
class LatentFacts:
    """The fact that each latent's top pictures share most, beyond its base rate; one entry per named latent."""

    latent: np.ndarray
    """Numbers of the latents with full lists."""
    fact: list[str]
    """Name of each latent's fact."""
    purity: np.ndarray
    """Share of the top pictures that have the fact."""
    lift: np.ndarray
    """Purity minus the share of all pictures that have the fact."""


def name_latents(codes: SparseCodes, facts: Facts, top: int = 16, groups: Sequence[str] = NAMING) -> LatentFacts:
    """Name every latent that at least `top` pictures activate by the fact of those groups with the largest lift."""
    columns = np.concatenate([facts.group(group) for group in groups])
    truth = facts.truth[:, columns].astype(np.float64)
    best = top_examples(codes, top)
    full = np.flatnonzero(best.counts == top)
    shares = truth[best.rows[full]].mean(axis=1)
    lift = shares - truth.mean(axis=0)
    winner = lift.argmax(axis=1)
    rows = np.arange(len(full))
    names = [facts.names[columns[i]] for i in winner]
    return LatentFacts(full, names, shares[rows, winner], lift[rows, winner])


def naming_table(named: dict[str, list[LatentFacts]]) -> pd.DataFrame:
    """One row per arm and seed: named latents, mean purity and lift, and distinct facts.

    Only facts of latents with a lift above one half are counted.
    """
    rows = []
    for arm, runs in named.items():
        for seed, one in enumerate(runs):
            clear = {fact for fact, lift in zip(one.fact, one.lift, strict=True) if lift > 0.5}
            rows.append(
                {
                    "arm": arm,
                    "seed": seed,
                    "latents": len(one.latent),
                    "purity": one.purity.mean(),
                    "lift": one.lift.mean(),
                    "facts": len(clear),
                }
            )
    return pd.DataFrame(rows)
