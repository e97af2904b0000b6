"""Paper 1, what its numbers leave open: support, chance, the other denominator, and what training adds to a score.

The critique that mean scores hardly tell trained from untrained dictionaries is Klotz et al.'s (TAPAScore, arXiv
2606.24716), and Korznikov et al.'s (arXiv 2602.14111) for other measures. The denominator that counts all pairs is that
of the paper's first version and of MonoLoss (arXiv 2602.12403).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from lib.data.progress import progress
from lib.metrics.intervals import spearman
from lib.run.start import Session
from lib.run.studies.dictionaries import Fitted, Recipe
from lib.run.studies.latents import NAMING, name_latents
from lib.run.studies.monosemanticity import SUPPORT, score, shuffled
from lib.sae.codes import SparseCodes

WIDEST = 16
"""One doubling beyond the profile's widths; at x16 there are 2,048 latents for 20,000 training pictures."""

CLEAR = 0.5
"""Lift above which a fact counts as found, as in notebook 02."""

PURE = 0.9
"""Share of the top pictures that must have a latent's fact for it to be pure."""


def recipes(session: Session) -> list[Recipe]:
    """Matryoshka dictionaries at every width of the profile and at WIDEST, trained and not."""
    settings = session.profile.sae
    widths = [*settings.expansions, WIDEST]
    return [Recipe("matryoshka", e, settings.k, trained=trained) for trained in (True, False) for e in widths]


def arms(session: Session, fitted: Iterable[Fitted]) -> list[tuple[str, Fitted, SparseCodes]]:
    """Name, dictionary and codes of the trained, the untrained, and the trained with its pictures shuffled."""
    found = []
    for f in fitted:
        found.append(("trained" if f.recipe.trained else "untrained", f, f.codes))
        if f.recipe.trained:
            found.append(("shuffled", f, shuffled(f.codes, f.seed)))
    return found


def measures(session: Session, fitted: Iterable[Fitted], judge: str) -> pd.DataFrame:
    """One row for each arm, width and seed.

    live, supported: shares of latents. mean, best: MS of all live latents; with the suffix 10 of those with SUPPORT
    pictures. corrected10: mean of (MS - chance) / (1 - chance) of those. pair_count: mean with the other denominator.
    lift: mean over latents of the share of their top pictures with their fact, beyond its base rate. facts: how many
    facts some latent finds (lift above CLEAR), over all. r2: of the reconstruction, empty where it is none.
    """
    matrix, facts = session.world.judges("test")[judge].tower("image"), session.world.pairs("test").facts
    nameable = sum(len(facts.group(group)) for group in NAMING)
    rows = []
    for arm, f, codes in progress(arms(session, fitted), desc="checks"):
        scores, named = score(codes, matrix), name_latents(codes, facts)
        kept = scores.live & (scores.support >= SUPPORT)
        clear = {fact for fact, lift in zip(named.fact, named.lift, strict=True) if lift > CLEAR}
        row = {"arm": arm, "expansion": f.recipe.expansion, "seed": f.seed}
        row |= {"live": scores.live.mean(), "supported": kept.mean()}
        row |= {"mean": scores.score[scores.live].mean(), "best": scores.score[scores.live].max()}
        row |= {"mean10": scores.score[kept].mean(), "best10": scores.score[kept].max()}
        row |= {"corrected10": scores.corrected[kept].mean(), "pair_count": scores.pair_count_score.mean()}
        row |= {"lift": named.lift.mean(), "facts": len(clear) / nameable}
        rows.append(row | {"r2": np.nan if arm == "shuffled" else f.fidelity.r2})
    return pd.DataFrame(rows)


def reached(table: pd.DataFrame, expansion: int) -> pd.DataFrame:
    """What an untrained dictionary reaches of the trained one's value: one row for each measure and seed."""
    rows = table[table.expansion == expansion].set_index(["arm", "seed"])
    parts = []
    for measure in SEPARATING:
        share = rows.loc["untrained", measure] / rows.loc["trained", measure]
        parts.append(pd.DataFrame({"measure": measure, "seed": share.index, "share": share.to_numpy()}))
    return pd.concat(parts, ignore_index=True)


SEPARATING = ("corrected10", "best10", "lift", "facts", "r2")
"""Measures of which a trained dictionary should have more."""


def judge_ranks(session: Session, fitted: Iterable[Fitted]) -> pd.DataFrame:
    """Rank correlation of the scores by both judges, of latents with SUPPORT pictures: arm, expansion, seed, rank."""
    judges = session.world.judges("test")
    rows = []
    for f in fitted:
        network, truth = (score(f.codes, judges[name].tower("image")) for name in ("network", "truth"))
        kept = network.live & (network.support >= SUPPORT)
        about = {"arm": "trained" if f.recipe.trained else "untrained", "expansion": f.recipe.expansion, "seed": f.seed}
        rows.append(about | {"rank": spearman(network.score[kept], truth.score[kept])})
    return pd.DataFrame(rows)


def granularity(session: Session, fitted: Iterable[Fitted], judge: str) -> pd.DataFrame:
    """The pure latents: seed, latent, group of their fact, share of all pictures that have it, MS.

    Latents with SUPPORT pictures of whose top ones at least PURE have their fact. If MS were purity alone, it would be
    about the same for all of them.
    """
    matrix, facts = session.world.judges("test")[judge].tower("image"), session.world.pairs("test").facts
    base = dict(zip(facts.names, facts.truth.mean(axis=0), strict=True))
    parts = []
    for f in fitted:
        scores, named = score(f.codes, matrix), name_latents(f.codes, facts)
        pure = (named.purity >= PURE) & (scores.support[named.latent] >= SUPPORT)
        names = [fact for fact, keep in zip(named.fact, pure, strict=True) if keep]
        about = {"seed": f.seed, "latent": named.latent[pure], "group": [name.split(":")[0] for name in names]}
        rates = [base[name] for name in names]
        parts.append(pd.DataFrame({**about, "base": rates, "score": scores.score[named.latent[pure]]}))
    return pd.concat(parts, ignore_index=True)
