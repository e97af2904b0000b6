"""Paper 3: the weight of the group norm on the embeddings of a world."""

from __future__ import annotations

import pandas as pd

from lib.papers.p3.control_arms import with_strangers
from lib.papers.p3.measures import measure_dictionaries
from lib.papers.p3.pair_dictionaries import Material, PairedArm, fit_paired_arms
from lib.papers.p3.split_evidence import last_sparse_weight
from lib.worlds.session import Session

STRONGER = (2.0, 4.0, 8.0)
"""Weights, in units of the paper's, that are trained here; 0 and 1 are SAE-2b and GSAE."""


def world_weight_table(session: Session, material: Material, table: pd.DataFrame) -> pd.DataFrame:
    """Measure GSAE along the weight of the group norm: 0 and 1 from `table`, STRONGER trained here.

    table: `measure_dictionaries` of PAIRED_ARMS. The weight, in units of the paper's, is the column `factor`.
    """
    known = table[table.arm.isin(["SAE-2b", "GSAE"])]
    known = known.assign(factor=known.arm.map({"SAE-2b": 0.0, "GSAE": 1.0}))
    return pd.concat([known, _along(session, material, STRONGER)], ignore_index=True)


def world_strangers_table(session: Session, material: Material, sweep: pd.DataFrame) -> pd.DataFrame:
    """Measure GSAE trained on pairs of strangers, at the weight where the rises of C7 end, the column `factor`.

    sweep: of `world_weight_table`.
    """
    return _along(session, with_strangers(material), (last_sparse_weight(sweep, material.setting.k),))


def _along(session: Session, material: Material, factors: tuple[float, ...]) -> pd.DataFrame:
    arms = {str(factor): PairedArm("gsae", group_factor=factor) for factor in factors}
    table = measure_dictionaries(material, fit_paired_arms(material, arms, session.seeds, session.device))
    return table.assign(factor=table.arm.astype(float))
