"""Paper 1, claim C9: does the score agree with whoever looks at the pictures?

Pach et al., arXiv 2504.02821, section 4.2.1: people see the top 16 pictures of two neurons and choose the grid that is
more about one thing; their choice agrees with the score the more often, the further the two scores lie apart. Here the
ground truth chooses: the grid whose pictures share a fact most, beyond its base rate. It is a proxy of a person who
misses nothing that the fact table names, and knows nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from lib.metrics.monosemanticity import MonosemanticityScore
from lib.metrics.top_examples import TopExamples, top_examples
from lib.report.claims import Claim, claim_over_seeds
from lib.report.verdicts import above, combine, verdict
from lib.run.start import Session
from lib.run.studies.dictionaries import Fitted
from lib.run.studies.latents import NAMING
from lib.run.studies.monosemanticity import SUPPORT, TOP, score
from lib.sae.codes import SparseCodes

PAIRS = 2000
"""Pairs of neurons drawn for each seed."""

STEP = 0.1
"""Width of a bin of score differences, as in the paper."""

LEAST = 20
"""Pairs that a bin must have to count."""

NOTEBOOK, TOLERANCE = "13_checks", 0.05


def pool(session: Session, fitted: Iterable[Fitted], judge: str) -> pd.DataFrame:
    """Neurons to choose between, one row each: arm, seed, score on test pictures, lift of their top training pictures.

    Raw neurons and the latents of the given dictionaries, as in the paper; those with TOP training pictures that at
    least SUPPORT test pictures activate: two alike pictures give any pair a high score.
    """
    matrix = session.world.judges("test")[judge].tower("image")
    train, test = (session.world.embeddings(split) for split in ("train", "test"))
    facts = session.world.pairs("train").facts
    truth = facts.truth[:, np.concatenate([facts.group(group) for group in NAMING])].astype(np.float64)
    raw = SparseCodes.from_matrix(train.ids, train.tower("image") - train.tower("image").min(axis=0))
    parts = []
    for seed in session.seeds:
        parts.append(_neurons("raw", seed, score(test.tower("image"), matrix), top_examples(raw, TOP), truth))
    for f in fitted:
        top = top_examples(f.sae.codes(train), TOP)
        parts.append(_neurons(f.recipe.name, f.seed, score(f.codes, matrix), top, truth))
    return pd.concat(parts, ignore_index=True)


def _neurons(arm: str, seed: int, found: MonosemanticityScore, top: TopExamples, truth: np.ndarray) -> pd.DataFrame:
    keep = np.flatnonzero((top.counts == TOP) & found.live & (found.support >= SUPPORT))
    lift = (truth[top.rows[keep]].mean(axis=1) - truth.mean(axis=0)).max(axis=1)
    return pd.DataFrame({"arm": arm, "seed": seed, "score": found.score[keep], "lift": lift})


def choices(neurons: pd.DataFrame) -> pd.DataFrame:
    """PAIRS random pairs of neurons a seed: seed, delta (difference of scores), bin (its lower end), agrees.

    agrees: 1 if the neuron with the higher score has the purer grid, 0.5 if both are equally pure, else 0. As in the
    paper, pairs are drawn evenly over differences: every bin gets the same number, or as many as there are.
    """
    parts = []
    for seed, rows in neurons.groupby("seed"):
        random = np.random.default_rng(int(seed))
        first, second = random.integers(0, len(rows), (2, 50 * PAIRS))
        scores, lift = rows.score.to_numpy(), rows.lift.to_numpy()
        swap = scores[first] < scores[second]
        first, second = np.where(swap, second, first), np.where(swap, first, second)
        delta = scores[first] - scores[second]
        agrees = 0.5 * (1 + np.sign(lift[first] - lift[second]))
        drawn = pd.DataFrame({"seed": seed, "delta": delta, "bin": delta // STEP * STEP, "agrees": agrees})
        drawn = drawn[first != second]
        parts.append(drawn.groupby("bin").head(PAIRS // 10))
    return pd.concat(parts, ignore_index=True).round({"bin": 1})


def agreement(pairs: pd.DataFrame) -> pd.DataFrame:
    """One row for each seed and bin with LEAST pairs: seed, bin, pairs, agree (share)."""
    table = pairs.groupby(["seed", "bin"]).agrees.agg(pairs="size", agree="mean").reset_index()
    return table[table.pairs >= LEAST].reset_index(drop=True)


def claim_c9(table: pd.DataFrame, n: int) -> Claim:
    """The ground truth's choice agrees with the score, and more so for larger differences."""
    seeds = sorted(int(seed) for seed in table.seed.unique())
    by_seed = [rows.sort_values("bin") for _, rows in table.groupby("seed")]
    mean = np.array([rows.agree.mean() for rows in by_seed])
    slope = np.array([np.polyfit(rows.bin, rows.agree, 1)[0] for rows in by_seed])
    parts = (verdict(above(mean, 0.7)), verdict(above(slope, 0.0)))
    return claim_over_seeds(
        "p1.C9",
        dict(zip(seeds, mean.tolist(), strict=True)),
        above(mean, 0.7),
        statement="of two grids of top pictures the ground truth finds the one with the higher score purer, "
        "and more often so the further the scores lie apart",
        expected="greater",
        metric=f"share of pairs of neurons in which it does, mean over bins of {STEP} of the difference",
        n=n,
        verdict=combine(parts),
        why=f"mean above 0.7 in every seed: {parts[0]}; rising with the difference: {parts[1]}; chance 0.5, people in "
        "the paper 0.83; bins with at least 20 pairs, latents with a support of 10 or more",
        controls={
            "chance": 0.5,
            "smallest differences": np.mean([rows.agree.iloc[0] for rows in by_seed]),
            "largest differences": np.mean([rows.agree.iloc[-1] for rows in by_seed]),
        },
        tolerance=TOLERANCE,
        notebook=NOTEBOOK,
    )
