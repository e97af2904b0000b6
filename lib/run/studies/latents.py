"""What latents show: their top pictures, and which fact of the ground truth they stand for."""

from __future__ import annotations

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
    """The fact that each latent's top pictures share most, beyond its base rate.

    latent: numbers of the latents with full lists. fact: its name. purity: share of the top pictures that have it.
    lift: purity minus the share of all pictures that have it.
    """

    latent: np.ndarray
    fact: list[str]
    purity: np.ndarray
    lift: np.ndarray


def name_latents(codes: SparseCodes, facts: Facts, top: int = 16) -> LatentFacts:
    """Name every latent that at least `top` pictures activate by the fact with the largest lift."""
    columns = np.concatenate([facts.group(group) for group in NAMING])
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
    """One row for each arm and seed: named latents, mean purity and lift, distinct facts among those of lift above one
    half."""
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
