"""Paper 3, claims C1, C7 and C10, on the causes of splitting; see `split_claims` for how the two materials vote."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lib.report.claims import Claim
from lib.report.verdicts import above, below, combine, rising, verdict
from lib.run.studies.monosemanticity_claims import curve, per_seed
from lib.run.studies.split_claims import both, gain, seed_claim

CAUSES = "30_split_dictionaries"

SPLIT = 0.2
"""A mean cosine of paired codes below this is called split."""

SPARSE = 0.97
"""Share of K below which the mean L0 is called collapsed, the paper's own stopping rule."""


def claim_c1(arms: pd.DataFrame, rhos: pd.DataFrame, world: pd.DataFrame, n: int) -> Claim:
    """A plain dictionary splits, and more so the further apart the directions."""
    cosine = per_seed(arms, "cosine", arm="SAE-1b")
    here = per_seed(world, "cosine", arm="SAE-1b")
    steps = sorted(rhos.rho.unique())
    along = curve(rhos, "cosine", "rho", steps, arm="SAE-2b")
    parts = (verdict(below(cosine, SPLIT)), verdict(below(here, SPLIT)), verdict(rising(along, 0.0)))
    return seed_claim(
        "p3.C1",
        arms,
        cosine,
        below(cosine, SPLIT),
        statement="a dictionary of one bias, trained to reconstruct, gives members of a pair codes that hardly meet",
        expected="less",
        metric="mean cosine of paired codes, SAE-1b, controlled vectors",
        n=n,
        verdict=combine(parts),
        why=f"below {SPLIT} on controlled vectors: {parts[0]}; on this world's embeddings: {parts[1]}; with two biases "
        f"it rises with the cosine of the two directions, step by step: {parts[2]}",
        controls={
            "this world": here.mean(),
            "SAE-2b": per_seed(arms, "cosine", arm="SAE-2b").mean(),
            "this world, SAE-2b": per_seed(world, "cosine", arm="SAE-2b").mean(),
            "SAE-1b: pairs drawn at random": per_seed(arms, "strangers", arm="SAE-1b").mean(),
            "SAE-1b: balanced energy": per_seed(arms, "balanced", arm="SAE-1b").mean(),
            **{f"SAE-2b at rho {rho}": value for rho, value in zip(steps, along.mean(axis=0), strict=True)},
        },
        notebook=CAUSES,
    )


def claim_c7(sweep: pd.DataFrame, k: int, n: int) -> Claim:
    """The weight of the group norm trades reconstruction for sharing, and too much of it collapses the codes."""
    effect, fields = weight_effect(sweep, k)
    metric = f"{fields.pop('metric')}, controlled"
    return seed_claim("p3.C7", sweep, effect, above(effect, 0.0), metric=metric, n=n, notebook=CAUSES, **fields)


def weight_effect(sweep: pd.DataFrame, k: int) -> tuple[np.ndarray, dict[str, Any]]:
    """C7 on any material: the effect of each seed, and statement, metric, verdict, reasons and controls of the claim.

    sweep: `measures` with the weight as column `factor`, in units of the paper's. k: active latents of a row.
    """
    factors = sorted(sweep.factor.unique())
    cosine, fvu, l0 = (
        np.stack([per_seed(sweep, column, factor=f) for f in factors], axis=1) for column in ("cosine", "fvu", "l0")
    )
    parts = (verdict(rising(cosine, 0.0)), verdict(rising(fvu, 0.0)), verdict(below(l0[:, -1] / k, SPARSE)))
    return cosine[:, -1] - cosine[:, 0], {
        "statement": "with lambda, paired codes grow alike, reconstruction worsens, and at last codes collapse",
        "expected": "up",
        "metric": f"mean cosine of paired codes at {factors[-1]:g} times the paper's lambda minus that at 0",
        "verdict": combine(parts),
        "why": f"cosine rises at every step: {parts[0]}; FVU rises at every step: {parts[1]}; L0 below {SPARSE} K at "
        f"the largest: {parts[2]}",
        "controls": {f"FVU at {f:g}": value for f, value in zip(factors, fvu.mean(axis=0), strict=True)}
        | {f"L0 at {f:g}": value for f, value in zip(factors, l0.mean(axis=0), strict=True)},
    }


def claim_c10(arms: pd.DataFrame, world: pd.DataFrame, n: int) -> Claim:
    """A bias for each modality undoes much of the splitting, without any group norm."""
    effect, parts, controls = both("cosine", arms, world, "SAE-2b", "SAE-1b")
    r1 = [verdict(above(gain(table, "r1", "SAE-2b", "SAE-1b"), 0.0)) for table in (arms, world)]
    share = [_share(table) for table in (arms, world)]
    return seed_claim(
        "p3.C10",
        arms,
        effect,
        above(effect, 0.0),
        statement="a bias for each modality alone makes paired codes meet: the baseline's bias is part of the effect",
        expected="greater",
        metric="mean cosine of paired codes, SAE-2b minus SAE-1b, controlled vectors",
        n=n,
        verdict=combine((*parts, *r1)),
        why=f"higher cosine on controlled vectors: {parts[0]}; on this world: {parts[1]}; higher recall at 1: {r1[0]} "
        f"and {r1[1]}; not claimed in the paper, which does not say how many biases its baseline has",
        controls=controls | {"share of GSAE's gain": share[0], "this world: share of GSAE's gain": share[1]},
        notebook=CAUSES,
    )


def _share(table: pd.DataFrame) -> float:
    """Of GSAE's gain in cosine over SAE-1b, what SAE-2b has already."""
    return float(gain(table, "cosine", "SAE-2b", "SAE-1b").mean() / gain(table, "cosine", "GSAE", "SAE-1b").mean())
