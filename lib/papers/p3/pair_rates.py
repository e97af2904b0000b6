"""Paper 3: which learning rate suits a world? `python -m lib.papers.p3.pair_rates PROFILE`.

All arms of notebooks 30 to 33 have the same number of steps. A rate that is too low leaves all of them under-trained;
one that is too high kills latents, learns few pairs by heart, and lets the group norm switch latents off, so that arms
of unequal L0 are compared. Of the rates at which every arm keeps `LEAST_L0` of its K active latents on dev pairs, a
profile has the lowest one whose unexplained variance, averaged over arms, is within `TOLERANCE` of the least. Where no
rate keeps them, it has the default. `docs/errata.md` gives the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import typer

from lib.papers.p3.measures import measure_dictionaries
from lib.papers.p3.pair_dictionaries import (
    BATCH_ARMS,
    PAIRED_ARMS,
    SOUND_ARMS,
    Material,
    fit_paired_arms,
    world_setting,
)
from lib.worlds.profiles import load_profile
from lib.worlds.session import Session, open_session

RATES = (1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2)
"""Learning rates to compare."""

LEAST_L0 = 0.97
"""Least share of K that must be active, as in p3.C7."""

TOLERANCE = 0.02
"""How much more than the least may be left unexplained."""

_BASELINES = {name: BATCH_ARMS[name] for name in ("BatchTopK-2b", "Matryoshka-2b")}


def pair_rate_table(session: Session, rates: Sequence[float] = RATES) -> pd.DataFrame:
    """Train the paper's arms and two baselines at each rate, with the first seed, and measure them on dev pairs.

    One row per rate and arm: rate, and the columns of `measure_dictionary`.
    """
    train, dev, setting = session.world.embeddings("train"), session.world.embeddings("dev"), world_setting(session)
    arms, parts = (SOUND_ARMS if session.world.name == "sounds" else PAIRED_ARMS) | _BASELINES, []
    for rate in rates:
        material = Material(train, dev, ("image", "text"), replace(setting, lr=rate))
        fitted = fit_paired_arms(material, arms, session.seeds[:1], session.device)
        parts.append(measure_dictionaries(material, fitted).assign(rate=rate))
    return pd.concat(parts, ignore_index=True)


def best_rate(table: pd.DataFrame, k: int) -> float | None:
    """Return the rate of a `pair_rate_table` by the rule above, None if no rate keeps the active latents."""
    by_rate = table.groupby("rate")
    left = by_rate.fvu.mean()[by_rate.l0.min() >= LEAST_L0 * k]
    within = left[left <= (1 + TOLERANCE) * left.min()]
    return None if within.empty else float(within.index.min())


def main(profile: str) -> None:
    """Print what each arm leaves unexplained, keeps active (L0 over K) and lets die at each rate, and the best rate."""
    session = open_session("31_group_sparsity", load_profile(profile))
    k = session.profile.sae.k
    table = pair_rate_table(session)
    shares = {"fvu": table.fvu, "active": table.l0 / k, "dead": table.dead / table.width}
    for name, values in shares.items():
        cells = table.assign(value=values).pivot(index="arm", columns="rate", values="value")
        cells.loc["mean"] = cells.mean()
        print(name, cells.round(3).to_string(), sep="\n")
    print("rate:", best_rate(table, k) or "none keeps the active latents")


if __name__ == "__main__":
    typer.run(main)
