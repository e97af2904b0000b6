"""What notebook 31 shows beside the table of measures, as far as the world has what it takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lib.data.errors import NotAvailable
from lib.run.start import Session
from lib.run.studies.split import Material, Shared
from lib.run.studies.split_measures import mms
from lib.run.studies.split_probe import probe_table
from lib.run.studies.split_steering import steering_summary, steering_table

PROBED, PLANTED = "kind:cat", "pattern:striped"
"""The probed fact, and the one that comes with it nine times in ten."""


def score_curves(material: Material, fitted: Sequence[Shared]) -> pd.DataFrame:
    """arm, rank and the multimodal score of the latent at that rank, mean over seeds; empty without a judge."""
    parts = []
    for arm in dict.fromkeys(one.arm for one in fitted):
        found = [mms(material, one) for one in fitted if one.arm == arm]
        scores = [np.sort(one.score)[::-1] for one in found if one is not None]
        if scores:
            curve = np.mean(scores, axis=0)
            parts.append(pd.DataFrame({"arm": arm, "rank": np.arange(1, len(curve) + 1), "score": curve}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def steering(session: Session, material: Material, fitted: Sequence[Shared], group: str) -> pd.DataFrame | None:
    """`steering_summary` over the concepts of a group of facts, None where the world has no facts."""
    if not _has_facts(session):
        return None
    return steering_summary(steering_table(session, material, fitted, group))


def probe(session: Session, material: Material, fitted: Sequence[Shared]) -> pd.DataFrame | None:
    """`probe_table` of PROBED with PLANTED, None where the world has no facts of these names."""
    if not _has_facts(session):
        return None
    names = session.world.pairs("train").facts.names
    if not {PROBED, PLANTED} <= set(names):
        return None
    return probe_table(session, material, fitted, PROBED, PLANTED)


def _has_facts(session: Session) -> bool:
    try:
        return session.world.pairs("test").facts is not None
    except NotAvailable:
        return False
