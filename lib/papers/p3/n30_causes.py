"""Paper 3: why dictionaries split, by controlled vectors and by the exact costs of splitting and merging."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
import pandas as pd

from lib.base.progress import progress
from lib.encoders.embeddings import Embeddings
from lib.papers.common.setting import Setting
from lib.papers.p3.control_arms import STRANGERS, with_strangers
from lib.papers.p3.controlled_runs import CONTROLLED_SETTING, RHO, measure_controlled
from lib.papers.p3.measures import measure_dictionary
from lib.papers.p3.n30_theory import heterogeneous_pair, heterogeneous_rows, threshold
from lib.papers.p3.pair_dictionaries import (
    PAIRED_ARMS,
    Material,
    PairedArm,
    controlled_material,
    fit_paired_arm,
    paired_trainings,
)
from lib.papers.p3.split_evidence import last_sparse_weight
from lib.sae.models.gsae import group_weight
from lib.sae.training.train_ahead import train_ahead
from lib.worlds.least_sizes import check_pairs_differ
from lib.worlds.session import Session

RHOS = (0.6, RHO, 1.0)
"""Cosines of a concept's two directions along which the main arms are trained."""

SWEPT_RHO = 0.7
"""Cosine at which the weight of the group norm is swept."""

GROUP_FACTORS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Weights of the group norm in units of the paper's."""


SINGLE_CONCEPTS, SINGLE_COPIES = 16, 40
"""Number of single concepts in the exact model, and number of copies of each."""

SINGLE_SETTING = Setting(width=64, k=1, steps=300, batch=64, lr=3e-3)
"""Sizes of the runs on single concepts."""


def rho_table(session: Session) -> pd.DataFrame:
    """Measure the two baselines and GSAE along RHOS."""
    arms = {name: PAIRED_ARMS[name] for name in ("SAE-1b", "SAE-2b", "GSAE")}
    return measure_controlled(arms, RHOS, session.seeds, session.device)


def weight_table(session: Session) -> pd.DataFrame:
    """Measure GSAE at SWEPT_RHO along GROUP_FACTORS, which are the column `factor`."""
    arms = {str(factor): PairedArm("gsae", group_factor=factor) for factor in GROUP_FACTORS}
    table = measure_controlled(arms, [SWEPT_RHO], session.seeds, session.device)
    return table.assign(factor=table.arm.astype(float))


def strangers_table(session: Session, sweep: pd.DataFrame) -> pd.DataFrame:
    """Measure GSAE trained on pairs of strangers, at the weight where the rises of C7 end, the column `factor`.

    sweep: of `weight_table`.
    """
    factor = last_sparse_weight(sweep, CONTROLLED_SETTING.k)
    arm, rows = PairedArm("gsae", group_factor=factor), []
    materials = {
        seed: with_strangers(controlled_material(SWEPT_RHO, seed, CONTROLLED_SETTING)) for seed in session.seeds
    }
    ahead = (paired_trainings(material, arm, seed) for seed, material in materials.items())
    train_ahead(chain.from_iterable(ahead), session.device)
    for seed, material in materials.items():
        fitted = fit_paired_arm(material, arm, seed, STRANGERS, session.device)
        rows.append({"factor": factor, **measure_dictionary(material, fitted)})
    return pd.DataFrame(rows)


def cost_table(rhos: Sequence[float], weights: Sequence[float]) -> pd.DataFrame:
    """Cost per concept of the split and of the merged dictionary by hand: rho, weight, split, merged, threshold."""
    rows = []
    for rho in rhos:
        x, y = heterogeneous_rows(rho, SINGLE_CONCEPTS)
        for weight in weights:
            split, merged = (d.objective(x, y, weight) for d in heterogeneous_pair(rho, SINGLE_CONCEPTS, weight))
            rows.append({"rho": rho, "weight": weight, "split": split, "merged": merged})
    return pd.DataFrame(rows).assign(threshold=lambda t: threshold(t.rho))


def merging_table(session: Session, rhos: Sequence[float], weights: Sequence[float]) -> pd.DataFrame:
    """Train on single concepts, and give the share of them whose two members have the same strongest latent.

    It is the first table of notebook 30, so it refuses a world whose pairs do not differ.
    """
    check_pairs_differ(session)
    rows = []
    runs = [(rho, weight, seed) for rho in rhos for weight in weights for seed in session.seeds]
    arms = {weight: PairedArm("gsae", group_factor=weight / group_weight(SINGLE_SETTING.k)) for weight in weights}
    ahead = (paired_trainings(_single(rho), arms[weight], seed) for rho, weight, seed in runs)
    train_ahead(chain.from_iterable(ahead), session.device)
    for rho, weight, seed in progress(runs, desc="single concepts"):
        shared = fit_paired_arm(_single(rho), arms[weight], seed, "GSAE", session.device)
        tops = [_top(codes.dense()[:SINGLE_CONCEPTS]) for codes in shared.pair]
        merged = (tops[0] == tops[1]) & (tops[0] >= 0)
        rows.append({"rho": rho, "weight": weight, "seed": seed, "merged": merged.mean()})
    return pd.DataFrame(rows)


def _single(rho: float) -> Material:
    x, y = (np.tile(rows, (SINGLE_COPIES, 1)).astype(np.float32) for rows in heterogeneous_rows(rho, SINGLE_CONCEPTS))
    identity = {"single concepts": SINGLE_CONCEPTS, "copies": SINGLE_COPIES, "rho": rho}
    e = Embeddings(np.arange(len(x)).astype(str), x, y, "single concepts", True, identity)
    return Material(e, e, ("image", "text"), SINGLE_SETTING)


def _top(dense: np.ndarray) -> np.ndarray:
    """(n,) strongest latent of each row, -1 where none is active."""
    return np.where(dense.max(axis=1) > 0, dense.argmax(axis=1), -1)
