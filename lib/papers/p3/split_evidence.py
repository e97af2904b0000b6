"""Paper 3, evidence on why dictionaries split and what the group norm's weight does: claims C1, C7 and C10.

The same functions serve the worlds (pictures, photographs, CLIP's arrays, sounds) and the controlled vectors.
"""

from __future__ import annotations

import pandas as pd

from lib.papers.p3.measured_runs import MeasuredRuns
from lib.report.effects import Effect, exactly, over_seeds
from lib.report.evidence import Evidence, not_measured
from lib.report.register import spec_of
from lib.report.seeds import curve, per_seed, rise, seeds_of

COLLAPSE = "active latents at the largest weight"


def c1(runs: MeasuredRuns, along: pd.DataFrame | None = None) -> Evidence:
    """Judge whether a dictionary that is trained only to reconstruct splits.

    along: `measures.measure_dictionary` of SAE-2b, with the cosine of a concept's two directions as column `rho`; None
    where that is not known.
    """
    rising: Effect | str = "the cosine of a concept's two directions is not known here"
    if along is not None:
        rising = over_seeds(rise(curve(along, "cosine", "rho", sorted(along.rho.unique()), arm="SAE-2b")))
    return Evidence(
        "p3.C1",
        {"cosine of paired codes": runs.level("cosine", "SAE-1b"), "rise with the directions' cosine": rising},
        runs.seeds,
        runs.n,
        positive=over_seeds(runs.control("cosine", "SAE-1b, CLIP's gap")),
        negative=over_seeds(runs.control("cosine", "SAE-1b, no gap")),
        context={
            "cosine of paired codes, SAE-2b": runs.level("cosine", "SAE-2b"),
            "cosine of strangers' codes, SAE-1b": runs.level("strangers", "SAE-1b"),
            "balanced share, SAE-1b": runs.level("balanced", "SAE-1b"),
        },
    )


def last_sparse_weight(sweep: pd.DataFrame, k: int) -> float:
    """The largest weight of a sweep whose mean L0 has not collapsed; 0 if there is none above it."""
    factors = sorted(sweep.factor.unique())
    kept = [factor for factor in factors if per_seed(sweep, "l0", factor=factor).mean() >= _sparse() * k]
    return float(max(kept, default=0.0))


def c7(sweep: pd.DataFrame, strangers: pd.DataFrame, k: int, n: int) -> Evidence:
    """Judge whether more group norm makes codes alike, worsens reconstruction, and finally collapses the codes.

    sweep: `measures.measure_dictionary` of GSAE, with the weight as column `factor`, in units of the paper's.
    strangers: the same of GSAE trained on pairs of strangers, at `last_sparse_weight` at least, where the rises end.
    k: active latents per row. n: test pairs.
    """
    last, first, largest = last_sparse_weight(sweep, k), sweep.factor.min(), sweep.factor.max()
    if last == 0:
        return not_measured("p3.C7", f"no weight above 0 leaves the mean L0 at {_sparse():g} K")
    ends = [first, last]
    plain = per_seed(sweep, "cosine", factor=first)
    r1 = curve(sweep, "r1", "factor", ends)
    return Evidence(
        "p3.C7",
        {
            "rise of the cosine": over_seeds(rise(curve(sweep, "cosine", "factor", ends))),
            "rise of FVU": over_seeds(rise(curve(sweep, "fvu", "factor", ends))),
            COLLAPSE: over_seeds(per_seed(sweep, "l0", factor=largest) / k),
        },
        seeds_of(sweep),
        n,
        positive=over_seeds(1 - plain),
        negative=over_seeds(per_seed(strangers, "cosine", factor=last) - plain),
        context={
            "the largest weight that keeps L0, in units of the paper's": exactly(last),
            "R@1 at weight 0": over_seeds(r1[:, 0]),
            "R@1 at that weight": over_seeds(r1[:, 1]),
            "cosine at the largest weight": over_seeds(per_seed(sweep, "cosine", factor=largest)),
            "FVU at the largest weight": over_seeds(per_seed(sweep, "fvu", factor=largest)),
        },
    )


def c10(runs: MeasuredRuns) -> Evidence:
    """Judge whether a bias for each modality undoes much of the splitting, without any group norm."""
    wide = {arm: runs.control("cosine", f"{arm}, CLIP's gap") for arm in ("SAE-1b", "SAE-2b")}
    return Evidence(
        "p3.C10",
        {
            "cosine, SAE-2b over SAE-1b": runs.gain("cosine", "SAE-2b", "SAE-1b"),
            "R@1, SAE-2b over SAE-1b": runs.gain("r1", "SAE-2b", "SAE-1b"),
        },
        runs.seeds,
        runs.n,
        positive=runs.control_gain("cosine", "SAE-1b, no gap", "SAE-1b"),
        negative=runs.control_gain("cosine", "SAE-2b, biases dealt out", "SAE-1b"),
        context={
            "cosine, SAE-2b over SAE-1b, with CLIP's gap": over_seeds(wide["SAE-2b"] - wide["SAE-1b"]),
            "cosine, GSAE over SAE-1b": runs.gain("cosine", "GSAE", "SAE-1b"),
            "R@1, GSAE over SAE-1b": runs.gain("r1", "GSAE", "SAE-1b"),
        },
    )


def _sparse() -> float:
    """The share of K below which the mean L0 has collapsed, by the register."""
    return next(part.margin for part in spec_of("p3.C7").parts if part.name == COLLAPSE)
