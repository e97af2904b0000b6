"""Paper 3: what notebook 33 shows of the use of latents, as far as the world allows it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from lib.base.errors import NotAvailable
from lib.papers.p3.concept_steering import steering_table
from lib.papers.p3.n33_probe import biased_probe_table
from lib.papers.p3.pair_dictionaries import Material, Shared
from lib.worlds.session import Session

PROBED_FACT, PLANTED_FACT = "kind:cat", "pattern:striped"
"""The fact that is probed, and the fact that comes with it nine times in ten."""


def world_steering(session: Session, material: Material, fitted: Sequence[Shared], group: str) -> pd.DataFrame | None:
    """`steering_table` of the concepts of a group of facts, None where the world has no facts."""
    return steering_table(session, material, fitted, group) if has_facts(session) else None


def world_probe(session: Session, material: Material, fitted: Sequence[Shared]) -> pd.DataFrame | None:
    """`biased_probe_table` of PROBED_FACT with PLANTED_FACT, None where the world has no facts of these names."""
    if not has_facts(session):
        return None
    names = session.world.facts("train").names
    if not {PROBED_FACT, PLANTED_FACT} <= set(names):
        return None
    return biased_probe_table(session, material, fitted, PROBED_FACT, PLANTED_FACT)


def has_facts(session: Session) -> bool:
    """Whether the session's world knows facts of its pictures and captions."""
    try:
        session.world.facts("test")
    except NotAvailable:
        return False
    return True
