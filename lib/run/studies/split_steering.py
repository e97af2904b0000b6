"""Paper 3, claim C9: does a concept's latent, found in one modality, steer what the other one retrieves?

The latent is found on training texts; pictures that do not show the concept are steered with it and rank the other
pictures. What a random latent does, and what the same arm does without any steering, are the controls.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from lib.data.pairs import Facts
from lib.editing.concepts import concept_latent, raised
from lib.metrics.relevance import average_precision
from lib.run.start import Session
from lib.run.studies.split import Material, Shared

CONCEPTS = 12
"""The facts of a group that texts mention most often."""

QUERIES, GALLERY = 60, 600

AMOUNT = 0.5
"""Added to the latent, in units of the embedding, whose norm is 1."""


def steering_table(session: Session, material: Material, fitted: Iterable[Shared], group: str) -> pd.DataFrame:
    """One row for each dictionary and concept of a group of facts.

    before, after: mean average precision of the concept among GALLERY test rows of the first modality, for queries of
    the same modality without the concept. random: the same after a random live latent was raised instead.
    """
    train, test = (session.world.pairs(split).facts for split in ("train", "test"))
    assert train is not None and test is not None
    columns = common_facts(train, group)
    rows = []
    for one in fitted:
        texts = one.views[material.towers[1]].codes(material.train, material.towers[1])
        for column in columns:
            latent = concept_latent(texts, train.mentioned[:, 0, column])
            scores = _steer(material, one, test.truth[:, column], latent)
            rows.append({"arm": one.arm, "seed": one.seed, "concept": test.names[column], **scores})
    return pd.DataFrame(rows)


def common_facts(facts: Facts, group: str) -> np.ndarray:
    """Column numbers of the CONCEPTS facts of a group that first captions mention most often."""
    columns = facts.group(group)
    counts = facts.mentioned[:, 0, columns].sum(axis=0)
    return columns[np.argsort(-counts, kind="stable")[:CONCEPTS]]


def steering_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean gain over concepts for each arm and seed: by the concept's latent, and by a random one."""
    gains = table.assign(gain=table.after - table.before, random_gain=table.random - table.before)
    return gains.groupby(["arm", "seed"], sort=False)[["gain", "random_gain"]].mean().reset_index()


def _steer(material: Material, one: Shared, shows: np.ndarray, latent: int) -> dict[str, float]:
    tower = material.towers[0]
    codes, view = one.codes[tower], one.views[tower]
    gallery, relevant = material.test.tower(tower)[-GALLERY:], shows[-GALLERY:]
    chosen = np.flatnonzero(~shows[:-GALLERY])[:QUERIES]
    queries = codes.from_matrix(codes.ids[chosen], codes.csr()[chosen])
    live = np.unique(codes.indices)
    other = int(np.random.default_rng([one.seed, latent]).choice(live[live != latent]))
    edited = {"before": queries, "after": raised(queries, latent, AMOUNT), "random": raised(queries, other, AMOUNT)}
    return {
        name: float(average_precision(view.reconstruct(rows, tower), gallery, relevant).mean())
        for name, rows in edited.items()
    }
