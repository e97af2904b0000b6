"""Paper 1: checks of its numbers: support, chance, the other denominator, and what training adds to a score.

The critique that mean scores do not separate trained from untrained dictionaries is Klotz et al.'s (TAPAScore, arXiv
2606.24716), and Korznikov et al.'s (arXiv 2602.14111) for other measures. No released code has the denominator that
counts all pairs: the paper's and MonoLoss's (arXiv 2602.12403) divide by the sum of the weights.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from lib.base.progress import progress
from lib.metrics.intervals import spearman
from lib.metrics.latent_facts import NAMING, name_latents
from lib.metrics.monosemanticity import monosemanticity
from lib.papers.common.dictionaries import Fitted, Recipe
from lib.papers.common.ms_scores import SUPPORT, shuffled, wide_recipe
from lib.sae.codes import SparseCodes
from lib.worlds.session import Session

WIDEST_EXPANSION = 16
"""One doubling beyond the profile's widths; at x16 there are 2,048 latents for 20,000 training pictures."""

FOUND_LIFT = 0.5
"""Lift above which a fact counts as found, as in notebook 02."""

PURE = 0.9
"""Share of the top pictures that must have a latent's fact for it to be pure."""


def check_recipes(session: Session) -> list[Recipe]:
    """Matryoshka dictionaries at every width of the profile and at WIDEST_EXPANSION, trained and untrained."""
    recipes = [wide_recipe(session, "matryoshka", e) for e in [*session.profile.sae.expansions, WIDEST_EXPANSION]]
    return [*recipes, *(replace(one, trained=False) for one in recipes)]


def check_arms(session: Session, fitted: Iterable[Fitted]) -> list[tuple[str, Fitted, SparseCodes]]:
    """Name, dictionary and codes of each arm: trained, untrained, and trained with shuffled pictures."""
    found = []
    for f in fitted:
        found.append(("trained" if f.recipe.trained else "untrained", f, f.codes))
        if f.recipe.trained:
            found.append(("shuffled", f, shuffled(f.codes, f.seed)))
    return found


def check_measures(session: Session, fitted: Iterable[Fitted], judge: str) -> pd.DataFrame:
    """Measures of all arms, one row per arm, width and seed.

    live, supported: shares of latents. mean, best: MS of all live latents; with the suffix 10, of those with SUPPORT
    pictures. corrected10: mean of (MS - chance) / (1 - chance) of those. pair_count: mean with the other denominator.
    lift: mean over latents of the share of their top pictures with their fact, beyond its base rate. facts: share of
    all facts that some latent finds (lift above FOUND_LIFT). r2: of the reconstruction, empty for shuffled pictures.
    """
    matrix, facts = session.world.judge("test", judge).tower("image"), session.world.facts("test")
    nameable = sum(len(facts.group(group)) for group in NAMING)
    rows = []
    for arm, f, codes in progress(check_arms(session, fitted), desc="checks"):
        scores, named = monosemanticity(codes, matrix), name_latents(codes, facts)
        kept = scores.live & (scores.support >= SUPPORT)
        clear = {fact for fact, lift in zip(named.fact, named.lift, strict=True) if lift > FOUND_LIFT}
        row = {"arm": arm, "expansion": f.recipe.expansion, "seed": f.seed}
        row |= {"live": scores.live.mean(), "supported": kept.mean()}
        row |= {"mean": scores.score[scores.live].mean(), "best": scores.score[scores.live].max()}
        row |= {"mean10": scores.score[kept].mean(), "best10": scores.score[kept].max()}
        row |= {"corrected10": scores.corrected[kept].mean(), "pair_count": scores.pair_count_score.mean()}
        row |= {"lift": named.lift.mean(), "facts": len(clear) / nameable}
        rows.append(row | {"r2": np.nan if arm == "shuffled" else f.fidelity.r2})
    return pd.DataFrame(rows)


def untrained_shares(table: pd.DataFrame, expansion: int) -> pd.DataFrame:
    """An untrained dictionary's value as a share of the trained one's, one row per measure and seed."""
    rows = table[table.expansion == expansion].set_index(["arm", "seed"])
    parts = []
    for measure in SEPARATING:
        share = rows.loc["untrained", measure] / rows.loc["trained", measure]
        parts.append(pd.DataFrame({"measure": measure, "seed": share.index, "share": share.to_numpy()}))
    return pd.concat(parts, ignore_index=True)


SEPARATING = ("corrected10", "best10", "lift", "facts", "r2")
"""Measures that should be higher for a trained dictionary."""


def judge_ranks(session: Session, fitted: Iterable[Fitted]) -> pd.DataFrame:
    """Rank correlation of scores by both judges over latents with SUPPORT pictures: arm, expansion, seed, rank."""
    judges = [session.world.judge("test", name).tower("image") for name in ("network", "truth")]
    rows = []
    for f in fitted:
        network, truth = (monosemanticity(f.codes, judge) for judge in judges)
        kept = network.live & (network.support >= SUPPORT)
        about = {"arm": "trained" if f.recipe.trained else "untrained", "expansion": f.recipe.expansion, "seed": f.seed}
        rows.append(about | {"rank": spearman(network.score[kept], truth.score[kept])})
    return pd.DataFrame(rows)


def granularity(session: Session, fitted: Iterable[Fitted], judge: str) -> pd.DataFrame:
    """Pure latents, one row each: seed, latent, group of their fact, share of all pictures that have it, MS.

    A latent is pure if it has SUPPORT pictures and at least PURE of its top ones have its fact. If MS measured purity
    alone, it would be about the same for all of them.
    """
    matrix, facts = session.world.judge("test", judge).tower("image"), session.world.facts("test")
    base = dict(zip(facts.names, facts.truth.mean(axis=0), strict=True))
    parts = []
    for f in fitted:
        scores, named = monosemanticity(f.codes, matrix), name_latents(f.codes, facts)
        pure = (named.purity >= PURE) & (scores.support[named.latent] >= SUPPORT)
        names = [fact for fact, keep in zip(named.fact, pure, strict=True) if keep]
        about = {"seed": f.seed, "latent": named.latent[pure], "group": [name.split(":")[0] for name in names]}
        rates = [base[name] for name in names]
        parts.append(pd.DataFrame({**about, "base": rates, "score": scores.score[named.latent[pure]]}))
    return pd.concat(parts, ignore_index=True)
