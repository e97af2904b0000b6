"""Evidence for claims C1 and C6 of paper 1, which every world with a judge can give."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.report.effects import Effect, exactly, over_seeds
from lib.report.evidence import Evidence
from lib.report.register import spec_of
from lib.report.seeds import per_seed, seeds_of
from lib.report.verdicts import reaches


def main_judge(table: pd.DataFrame) -> str:
    """The judge of every claim, in a world that has several: the first one; table: of `score_table`."""
    return str(table.judge.iloc[0])


def c1(table: pd.DataFrame, paper_k: int, k: int, n: int) -> Evidence:
    """Whether latents score above raw neurons at equal width.

    table: of `score_table`. paper_k: sparsity at the paper's density. k: the profile's sparsity. n: test images.
    """
    judge = main_judge(table)

    def of(column: str, arm: str, k: int = paper_k) -> np.ndarray:
        return per_seed(table, column, arm=arm, expansion=1, k=k, judge=judge)

    # A raw neuron's row has the width of the embedding, all of which is active, in place of a sparsity.
    width = int(table.loc[table.arm == "raw", "k"].iloc[0])
    parts = {
        "share above raw": over_seeds(of("above_raw", "matryoshka")),
        "above untrained": over_seeds(of("above_untrained", "matryoshka")),
        "with more active latents": over_seeds(of("above_raw", "matryoshka", k)),
        "images per latent": exactly(n * paper_k / width),
    }
    few = f"only {n * paper_k / width:.1f} of {n:,} test images activate a latent on average"
    shares = {f"share above raw, {arm}": over_seeds(of("above_raw", arm)) for arm in ("batch_topk", "untrained")}
    shares["share above raw, raw neurons behind a ReLU"] = over_seeds(
        per_seed(table, "above_raw", arm="raw ReLU", judge=judge)
    )
    means = {f"mean MS, {arm}": over_seeds(of("mean", arm)) for arm in ("matryoshka", "untrained")}
    sample = {
        "live share, matryoshka": over_seeds(of("live", "matryoshka")),
        "images of the median live latent, matryoshka": over_seeds(of("images", "matryoshka")),
    }
    return Evidence(
        "p1.C1",
        on_premise("p1.C1", "images per latent", parts, few),
        seeds_of(table),
        n,
        positive=over_seeds(of("above_raw", "nearest")),
        negative=over_seeds(of("above_raw", "shuffled matryoshka")),
        context=shares | means | sample,
    )


def c6(table: pd.DataFrame, n: int) -> Evidence:
    """Whether a raw neuron scores the judge's chance level. No raw neuron is trained, so their numbers are exact."""
    raw = table[table.arm == "raw"]
    chance = raw.groupby("judge").chance.first()
    return Evidence(
        "p1.C6",
        {"offset": exactly(_offsets(table, "raw")[0]), "spread": exactly(raw.sd.max())},
        [],
        n,
        positive=over_seeds(_offsets(table, "rotated")),
        negative=over_seeds(_offsets(table, "batch_topk")),
        context={f"chance by {judge}": exactly(value) for judge, value in chance.items()},
    )


def _offsets(table: pd.DataFrame, arm: str) -> np.ndarray:
    """(seeds,) largest absolute difference over judges of an arm's mean score and chance, at equal width.

    Of an arm with several sparsities the densest counts, which is the nearest to a raw neuron.
    """
    rows = table[(table.arm == arm) & (table.expansion == 1)]
    rows = rows[rows.k == rows.k.max()]
    return rows.assign(offset=(rows["mean"] - rows.chance).abs()).groupby("seed").offset.max().to_numpy()


def on_premise(id: str, premise: str, parts: dict[str, Effect], why: str) -> dict[str, Effect | str]:
    """Return the parts of a claim; if the part `premise` does not hold, the others are replaced by `why`."""
    part = next(part for part in spec_of(id).parts if part.name == premise)
    if reaches(parts[premise], part):
        return dict(parts)
    return {name: effect if name == premise else why for name, effect in parts.items()}
