"""Paper 1: do the levels of a Matryoshka dictionary follow a taxonomy?

Source: Pach et al., arXiv 2504.02821, appendix E.3: the prefixes have as many latents as the taxonomy has taxa at each
rank, and the deeper levels should score higher and have deeper common ancestors. Controls that the paper does not have:
the same cut through a BatchTopK dictionary, whose latents have no order; the same depths with the taxonomy's labels
given to other pictures; and latents that are the taxa themselves, made of the means of their embeddings, which show
what any dictionary could find.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
import scipy.sparse as sp

from lib.encoders.embeddings import Embeddings
from lib.metrics.hierarchy import common_depth, latent_depths
from lib.metrics.intervals import partial_spearman, spearman
from lib.metrics.monosemanticity import monosemanticity
from lib.metrics.top_examples import top_examples
from lib.papers.common.dictionaries import Fitted, Recipe
from lib.papers.common.ms_scores import SUPPORT, TOP_IMAGES, wide_recipe
from lib.sae.codes import SparseCodes
from lib.worlds.session import Session

RANKS = ("realm", "group", "kind")
TAXONOMY_EXPANSION = 2
"""Width divided by the dimension of the embedding, as in the paper."""

COMPARED_PICTURES = 1500
"""Number of pictures whose pairs are all compared, to see which ranks the embedding distinguishes."""


def prefixes(session: Session) -> tuple[int, ...]:
    """Number of latents up to the end of each level: the number of realms, groups and kinds, and the full width."""
    return (*session.world.taxa, TAXONOMY_EXPANSION * session.world.embeddings("train").tower("image").shape[1])


def taxonomy_recipes(session: Session) -> list[Recipe]:
    """List the nested dictionary, one whose latents have no order, and the untrained nested one."""
    nested = replace(wide_recipe(session, "matryoshka", TAXONOMY_EXPANSION), prefixes=prefixes(session))
    return [nested, wide_recipe(session, "batch_topk", TAXONOMY_EXPANSION), replace(nested, trained=False)]


def latent_table(session: Session, fitted: Iterable[Fitted], judge: str) -> pd.DataFrame:
    """Level, depth and score of latents, one row per arm, seed and latent with TOP_IMAGES pictures and a score.

    level: from 0, by the latent's number. depth: mean depth of the common ancestor of its top training pictures.
    shuffled: the same with the labels given to other pictures. score: MS on test pictures. support: number of test
    pictures that activate it. The arm "taxa" has the latents of `taxon_codes`, which no seed moves.
    """
    train, matrix = session.world.embeddings("train"), session.world.judge("test", judge).tower("image")
    paths, ends = session.world.taxonomy("train"), prefixes(session)
    taxa = [(level, taxon) for level, rank in enumerate(paths.T) for taxon in np.unique(rank)]
    means = taxon_means(train, paths, taxa)
    given = [("taxa", 0, means(train), means(session.world.embeddings("test")), np.array([level for level, _ in taxa]))]
    for f in fitted:
        level = np.searchsorted(ends, np.arange(f.sae.width), side="right")
        given.append((f.recipe.name if f.recipe.trained else "untrained", f.seed, f.sae.codes(train), f.codes, level))
    parts = []
    for arm, seed, codes, test, level in given:
        top = top_examples(codes, TOP_IMAGES)
        order = np.random.default_rng(seed).permutation(len(paths))
        scores = monosemanticity(test, matrix)
        columns = {
            "latent": np.arange(codes.width),
            "level": level,
            "depth": latent_depths(top, paths).depth,
            "shuffled": latent_depths(top, paths[order]).depth,
            "score": scores.score,
            "support": scores.support,
        }
        parts.append(pd.DataFrame({"arm": arm, "seed": seed, **columns}).dropna())
    return pd.concat(parts, ignore_index=True)


def taxon_means(
    train: Embeddings, paths: np.ndarray, taxa: list[tuple[int, int]]
) -> Callable[[Embeddings], SparseCodes]:
    """One latent for each taxon (level, number): its cosine with the mean of the taxon's training embeddings.

    paths: (n, ranks) taxa of the training images. Of other images each latent is active on the share that its taxon
    has of the training images, those with the largest cosines; all embeddings are centred on the training mean.
    """
    rows = train.tower("image")
    centre = rows.mean(axis=0)
    members = [paths[:, level] == taxon for level, taxon in taxa]
    means = np.stack([rows[one].mean(axis=0) - centre for one in members])
    shares = np.array([one.mean() for one in members])

    def codes(embeddings: Embeddings) -> SparseCodes:
        x = embeddings.tower("image") - centre
        cosines = (x / np.linalg.norm(x, axis=1, keepdims=True)) @ (
            means / np.linalg.norm(means, axis=1, keepdims=True)
        ).T
        least = [
            np.sort(column)[-max(2, round(share * len(x)))] for column, share in zip(cosines.T, shares, strict=True)
        ]
        return SparseCodes.from_matrix(embeddings.ids, sp.csr_array(np.where(cosines >= least, cosines.clip(min=0), 0)))

    return codes


def rank_cosines(session: Session) -> pd.DataFrame:
    """Measure how alike the embedding finds two training pictures, by the depth of their common ancestor: depth,
    cosine, sd.

    cosine: mean over the pairs of that depth. sd: of the cosine over all pairs, the same in every row.
    """
    rows = session.world.embeddings("train").tower("image")[:COMPARED_PICTURES]
    above = np.triu_indices(len(rows), 1)
    cosines, depths = (rows @ rows.T)[above], common_depth(session.world.taxonomy("train")[: len(rows)])[above]
    means = pd.DataFrame({"depth": depths, "cosine": cosines}).groupby("depth").cosine.mean()
    return means.reset_index().assign(sd=float(cosines.std()))


def level_table(latents: pd.DataFrame) -> pd.DataFrame:
    """One row per arm, seed and level: number of latents, mean and best score, mean depth, mean support."""
    groups = latents.groupby(["arm", "seed", "level"])
    supported = latents[latents.support >= SUPPORT].groupby(["arm", "seed", "level"])
    table = groups.agg(
        latents=("latent", "size"), score=("score", "mean"), depth=("depth", "mean"), support=("support", "mean")
    )
    return table.assign(best=supported.score.max()).reset_index()


def order_correlations(latents: pd.DataFrame, column: str) -> dict[str, np.ndarray]:
    """Spearman correlation over latents of the level with a column: one per seed, by arm."""
    return {
        str(arm): np.array([spearman(one.level.to_numpy(), one[column].to_numpy()) for _, one in rows.groupby("seed")])
        for arm, rows in latents.groupby("arm")
    }


def order_given_support(latents: pd.DataFrame) -> dict[str, np.ndarray]:
    """Partial rank correlation of the level and the score, support held fixed: one per seed, by arm."""
    columns = ("level", "score", "support")
    return {
        str(arm): np.array(
            [partial_spearman(*(one[column].to_numpy() for column in columns)) for _, one in rows.groupby("seed")]
        )
        for arm, rows in latents.groupby("arm")
    }
