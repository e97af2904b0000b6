"""Why dictionaries split: controlled vectors, the exact costs of splitting and merging, and runs beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
import pandas as pd

from lib.data.progress import progress
from lib.encoders.embeddings import Embeddings
from lib.run.start import Session
from lib.run.studies.split import ARMS, Arm, Material, Setting, controlled_material, fit, fit_all, training_runs
from lib.run.studies.split_measures import measure_all, measures
from lib.sae.gsae import group_weight
from lib.sae.split_theory import heterogeneous_pair, heterogeneous_rows, threshold
from lib.sae.train_ahead import train_ahead

SETTING = Setting(width=256, k=6, steps=300, batch=128, lr=3e-3)
"""Of all runs on controlled vectors; small enough that five seeds of every arm are a matter of seconds."""

RHO = 0.85
"""Where all arms are compared; the others are trained along RHOS."""

RHOS = (0.6, RHO, 1.0)
SWEPT_RHO = 0.7
FACTORS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Weights of the group norm in units of the paper's."""

STRONGER = (4.0, 8.0)
"""Those that are trained on a world's embeddings, where 0 and 1 are SAE-2b and GSAE."""

CONCEPTS, COPIES = 16, 40
"""Single concepts of the exact model, and how often each is shown."""

SINGLE = Setting(width=64, k=1, steps=300, batch=64, lr=3e-3)


def seeds(session: Session) -> list[int]:
    """Two seeds more than the session's, as controlled vectors are cheap: five by default."""
    return list(range(len(session.seeds) + 2))


def arms_table(session: Session) -> pd.DataFrame:
    """All of ARMS at RHO, one row a run; see `split_measures.measures`."""
    return _runs(ARMS, [RHO], seeds(session), session.device)


def rho_table(session: Session) -> pd.DataFrame:
    """The two baselines and GSAE along RHOS, with the session's seeds."""
    return _runs({name: ARMS[name] for name in ("SAE-1b", "SAE-2b", "GSAE")}, RHOS, session.seeds, session.device)


def weight_table(session: Session) -> pd.DataFrame:
    """GSAE at SWEPT_RHO along FACTORS, with the factor as column `factor`."""
    arms = {str(factor): Arm("gsae", grouped=factor) for factor in FACTORS}
    table = _runs(arms, [SWEPT_RHO], session.seeds, session.device)
    return table.assign(factor=table.arm.astype(float))


def world_weight_table(session: Session, material: Material, table: pd.DataFrame) -> pd.DataFrame:
    """The same on a world's embeddings: 0 and 1 from the `measure_all` of ARMS, STRONGER trained here."""
    known = table[table.arm.isin(["SAE-2b", "GSAE"])]
    stronger = {str(factor): Arm("gsae", grouped=factor) for factor in STRONGER}
    trained = measure_all(material, fit_all(material, stronger, session.seeds, session.device))
    known = known.assign(factor=known.arm.map({"SAE-2b": 0.0, "GSAE": 1.0}))
    return pd.concat([known, trained.assign(factor=trained.arm.astype(float))], ignore_index=True)


def _runs(arms: Mapping[str, Arm], rhos: Sequence[float], chosen: Sequence[int], device: str) -> pd.DataFrame:
    rows = []
    runs = [(rho, seed, name) for rho in rhos for seed in chosen for name in arms]
    ahead = (training_runs(controlled_material(rho, seed, SETTING), arms[name], seed) for rho, seed, name in runs)
    train_ahead(chain.from_iterable(ahead), device)
    for rho, seed, name in progress(runs, desc="controlled vectors"):
        material = controlled_material(rho, seed, SETTING)
        rows.append({"rho": rho, **measures(material, fit(material, arms[name], seed, name, device))})
    return pd.DataFrame(rows)


def cost_table(rhos: Sequence[float], weights: Sequence[float]) -> pd.DataFrame:
    """rho, weight, and the objective of the split and of the merged dictionary made by hand, per concept."""
    rows = []
    for rho in rhos:
        x, y = heterogeneous_rows(rho, CONCEPTS)
        for weight in weights:
            split, merged = (d.objective(x, y, weight) for d in heterogeneous_pair(rho, CONCEPTS, weight))
            rows.append({"rho": rho, "weight": weight, "split": split, "merged": merged})
    return pd.DataFrame(rows).assign(threshold=lambda t: threshold(t.rho))


def merging_table(session: Session, rhos: Sequence[float], weights: Sequence[float]) -> pd.DataFrame:
    """Trained runs on the same single concepts: the share of concepts whose two members have one strongest latent."""
    rows = []
    runs = [(rho, weight, seed) for rho in rhos for weight in weights for seed in session.seeds]
    arms = {weight: Arm("gsae", grouped=weight / group_weight(SINGLE.k)) for weight in weights}
    ahead = (training_runs(_single(rho), arms[weight], seed) for rho, weight, seed in runs)
    train_ahead(chain.from_iterable(ahead), session.device)
    for rho, weight, seed in progress(runs, desc="single concepts"):
        shared = fit(_single(rho), arms[weight], seed, "GSAE", session.device)
        tops = [_top(codes.dense()[:CONCEPTS]) for codes in shared.pair]
        merged = (tops[0] == tops[1]) & (tops[0] >= 0)
        rows.append({"rho": rho, "weight": weight, "seed": seed, "merged": merged.mean()})
    return pd.DataFrame(rows)


def _single(rho: float) -> Material:
    x, y = (np.tile(rows, (COPIES, 1)).astype(np.float32) for rows in heterogeneous_rows(rho, CONCEPTS))
    identity = {"single concepts": CONCEPTS, "copies": COPIES, "rho": rho}
    e = Embeddings(np.arange(len(x)).astype(str), x, y, "single concepts", True, identity)
    return Material(e, e, ("image", "text"), SINGLE)


def _top(dense: np.ndarray) -> np.ndarray:
    """(n,) the strongest latent of each row, -1 where none is active."""
    return np.where(dense.max(axis=1) > 0, dense.argmax(axis=1), -1)
