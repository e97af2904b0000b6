"""Paper 1: does the score agree with an observer who looks at the pictures?

Source: Pach et al., arXiv 2504.02821, section 4.2.1: people see the top 16 pictures of two neurons and choose the grid
that is more about one thing. The larger the difference of the two scores, the more often their choice agrees with the
score. Here the ground truth chooses the grid whose pictures share a fact most, beyond its base rate: a proxy of a
person who sees everything in the fact table, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from lib.metrics.latent_facts import NAMING
from lib.metrics.monosemanticity import MonosemanticityScore, monosemanticity
from lib.metrics.top_examples import TopExamples, top_examples
from lib.papers.common.dictionaries import Fitted
from lib.papers.common.ms_scores import SUPPORT, TOP_IMAGES
from lib.sae.codes import SparseCodes
from lib.worlds.session import Session

PAIRS_PER_SEED = 2000
"""Pairs of neurons drawn per seed."""

BIN_WIDTH = 0.1
"""Width of a bin of score differences, as in the paper."""

LEAST_PAIRS = 20
"""Number of pairs that a bin must have to count."""


def grid_pool(session: Session, fitted: Iterable[Fitted], judge: str) -> pd.DataFrame:
    """Neurons to choose between, one row each: arm, seed, score on test pictures, lift of their top training pictures.

    As in the paper, these are raw neurons and the latents of the given dictionaries. They need TOP_IMAGES training
    pictures and SUPPORT test pictures, since two similar pictures give any neuron a high score.
    """
    matrix = session.world.judge("test", judge).tower("image")
    train, test = (session.world.embeddings(split) for split in ("train", "test"))
    facts = session.world.facts("train")
    truth = facts.truth[:, np.concatenate([facts.group(group) for group in NAMING])].astype(np.float64)
    raw = SparseCodes.from_matrix(train.ids, train.tower("image") - train.tower("image").min(axis=0))
    parts = []
    for seed in session.seeds:
        parts.append(
            _neurons("raw", seed, monosemanticity(test.tower("image"), matrix), top_examples(raw, TOP_IMAGES), truth)
        )
    for f in fitted:
        top = top_examples(f.sae.codes(train), TOP_IMAGES)
        parts.append(_neurons(f.recipe.name, f.seed, monosemanticity(f.codes, matrix), top, truth))
    return pd.concat(parts, ignore_index=True)


def _neurons(arm: str, seed: int, found: MonosemanticityScore, top: TopExamples, truth: np.ndarray) -> pd.DataFrame:
    keep = np.flatnonzero((top.counts == TOP_IMAGES) & found.live & (found.support >= SUPPORT))
    lift = (truth[top.rows[keep]].mean(axis=1) - truth.mean(axis=0)).max(axis=1)
    return pd.DataFrame({"arm": arm, "seed": seed, "score": found.score[keep], "lift": lift})


def choose_grids(neurons: pd.DataFrame) -> pd.DataFrame:
    """Draw PAIRS_PER_SEED random pairs of neurons per seed: seed, delta (of scores), bin (its lower end), agrees.

    agrees: 1 if the neuron with the higher score has the purer grid, 0.5 if both are equally pure, else 0. As in the
    paper, pairs are drawn evenly over differences: every bin gets the same number, or as many as there are.
    """
    parts = []
    for seed, rows in neurons.groupby("seed"):
        random = np.random.default_rng(int(seed))
        first, second = random.integers(0, len(rows), (2, 50 * PAIRS_PER_SEED))
        scores, lift = rows.score.to_numpy(), rows.lift.to_numpy()
        swap = scores[first] < scores[second]
        first, second = np.where(swap, second, first), np.where(swap, first, second)
        delta = scores[first] - scores[second]
        agrees = 0.5 * (1 + np.sign(lift[first] - lift[second]))
        drawn = pd.DataFrame({"seed": seed, "delta": delta, "bin": delta // BIN_WIDTH * BIN_WIDTH, "agrees": agrees})
        drawn = drawn[first != second]
        parts.append(drawn.groupby("bin").head(PAIRS_PER_SEED // 10))
    return pd.concat(parts, ignore_index=True).round({"bin": 1})


def scores_of_others(neurons: pd.DataFrame) -> pd.DataFrame:
    """Return the same neurons with scores shuffled within each seed, so that these know nothing about the grids."""
    parts = [
        rows.assign(score=np.random.default_rng(int(seed)).permutation(rows.score))
        for seed, rows in neurons.groupby("seed")
    ]
    return pd.concat(parts, ignore_index=True)


def agreement_by_bin(pairs: pd.DataFrame) -> pd.DataFrame:
    """One row per seed and bin with LEAST_PAIRS pairs: seed, bin, pairs, agree (share)."""
    table = pairs.groupby(["seed", "bin"]).agrees.agg(pairs="size", agree="mean").reset_index()
    return table[table.pairs >= LEAST_PAIRS].reset_index(drop=True)
