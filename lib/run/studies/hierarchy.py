"""Paper 1, claim C10: do the levels of a Matryoshka dictionary follow a taxonomy?

Pach et al., arXiv 2504.02821, appendix E.3: the prefixes have as many latents as the taxonomy has taxa at each rank,
and the deeper levels should score higher and have deeper common ancestors. Two controls that the paper does not have
say what the order of the latents contributes: the same cut through a BatchTopK dictionary, whose latents have no order,
and the same depths with the taxonomy's labels given to other pictures.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from lib.metrics.hierarchy import latent_depths
from lib.metrics.intervals import spearman
from lib.metrics.monosemanticity import monosemanticity
from lib.metrics.top_examples import top_examples
from lib.report.claims import Claim, claim_over_seeds
from lib.report.verdicts import above, combine, verdict
from lib.run.start import Session
from lib.run.studies.dictionaries import Fitted, Recipe
from lib.run.studies.monosemanticity import SUPPORT, TOP

RANKS = ("realm", "group", "kind")
EXPANSION = 2
"""Width over the embedding's, as in the paper."""

TOLERANCE = 0.35
"""About twice the range over seeds of the committed run, as in `monosemanticity_claims`."""


def prefixes(session: Session) -> tuple[int, ...]:
    """Latents up to the end of each level: as many as there are realms, groups and kinds, and the rest."""
    return (*session.world.taxa, EXPANSION * session.world.embeddings("train").tower("image").shape[1])


def recipes(session: Session) -> list[Recipe]:
    """The nested dictionary, the one without order, and the nested one untrained."""
    k, ends = session.profile.sae.k, prefixes(session)
    nested = Recipe("matryoshka", EXPANSION, k, prefixes=ends)
    untrained = Recipe("matryoshka", EXPANSION, k, prefixes=ends, trained=False)
    return [nested, Recipe("batch_topk", EXPANSION, k), untrained]


def latent_table(session: Session, fitted: Iterable[Fitted], judge: str) -> pd.DataFrame:
    """One row for each arm, seed and latent with TOP pictures and a score.

    level: from 0, by the latent's number. depth: mean depth of the common ancestor of its top training pictures.
    shuffled: the same with the labels given to other pictures. score: MS on test pictures. support: how many of them
    activate it.
    """
    train, matrix = session.world.embeddings("train"), session.world.judges("test")[judge].tower("image")
    paths, ends = session.world.taxonomy("train"), prefixes(session)
    parts = []
    for f in fitted:
        top = top_examples(f.sae.codes(train), TOP)
        order = np.random.default_rng(f.seed).permutation(len(paths))
        scores = monosemanticity(f.codes, matrix)
        columns = {
            "latent": np.arange(f.sae.width),
            "level": np.searchsorted(ends, np.arange(f.sae.width), side="right"),
            "depth": latent_depths(top, paths).depth,
            "shuffled": latent_depths(top, paths[order]).depth,
            "score": scores.score,
            "support": scores.support,
        }
        arm = f.recipe.name if f.recipe.trained else "untrained"
        parts.append(pd.DataFrame({"arm": arm, "seed": f.seed, **columns}).dropna())
    return pd.concat(parts, ignore_index=True)


def level_table(latents: pd.DataFrame) -> pd.DataFrame:
    """One row for each arm, seed and level: number of latents, mean and best score, mean depth, mean support."""
    groups = latents.groupby(["arm", "seed", "level"])
    supported = latents[latents.support >= SUPPORT].groupby(["arm", "seed", "level"])
    table = groups.agg(
        latents=("latent", "size"), score=("score", "mean"), depth=("depth", "mean"), support=("support", "mean")
    )
    return table.assign(best=supported.score.max()).reset_index()


def order_correlations(latents: pd.DataFrame, column: str) -> dict[str, np.ndarray]:
    """Arm to Spearman correlations, one a seed, of the level with a column over latents."""
    return {
        str(arm): np.array([spearman(one.level.to_numpy(), one[column].to_numpy()) for _, one in rows.groupby("seed")])
        for arm, rows in latents.groupby("arm")
    }


def claim_c10(latents: pd.DataFrame, n: int, chance: float) -> Claim:
    """Deeper levels of a nested dictionary score higher and have deeper common ancestors."""
    score, depth = order_correlations(latents, "score"), order_correlations(latents, "depth")
    shuffled = order_correlations(latents, "shuffled")
    parts = (verdict(above(score["matryoshka"], 0.0)), verdict(above(depth["matryoshka"], 0.0)))
    beyond = verdict(list(depth["matryoshka"] > depth["batch_topk"]))
    seeds = sorted(int(seed) for seed in latents.seed.unique())
    return claim_over_seeds(
        "p1.C10",
        dict(zip(seeds, score["matryoshka"].tolist(), strict=True)),
        above(score["matryoshka"], 0.0),
        statement="later levels of a Matryoshka dictionary score higher and have deeper common ancestors, "
        "and more so than the same cut through a dictionary without order",
        expected="up",
        metric="Spearman correlation over latents of level and MS, Matryoshka x2 with one level a taxonomic rank",
        n=n,
        verdict=combine((*parts, beyond)),
        why=f"score rises with the level: {parts[0]}; depth rises with the level: {parts[1]}; depth's correlation "
        f"above BatchTopK's in the same seed: {beyond}; margins 0 in every seed",
        controls={
            "depth": depth["matryoshka"].mean(),
            "BatchTopK: score": score["batch_topk"].mean(),
            "BatchTopK: depth": depth["batch_topk"].mean(),
            "untrained: score": score["untrained"].mean(),
            "untrained: depth": depth["untrained"].mean(),
            "shuffled labels: depth": shuffled["matryoshka"].mean(),
            "mean depth of random pairs": chance,
        },
        tolerance=TOLERANCE,
        notebook="11_hierarchy",
    )
