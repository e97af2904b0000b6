"""Paper 3: does a concept's latent, found in one modality, steer retrieval in the other?

The latent is found on training texts. Pictures that do not show the concept are steered with it and then rank the other
pictures. Controls are a random latent, another concept's latent, the same arm without any steering, and the direction
of the concept without a dictionary: the mean training text with it minus the mean without, at the same length.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from lib.data.pairs import Facts
from lib.editing.concept_latents import find_concept_latent, raise_latent
from lib.metrics.relevance import average_precision
from lib.papers.p3.pair_dictionaries import Material, Shared
from lib.worlds.session import Session

STEERED_CONCEPTS = 12
"""Number of concepts: the facts of a group that texts mention most often."""

QUERIES, GALLERY = 60, 600
"""Numbers of test rows to steer, and of test rows that they rank."""

AMOUNT = 0.5
"""Amount that is added to the latent, in units of the embedding, whose norm is 1."""

RIVALS = {
    "random": "a random latent",
    "other": "another concept's latent",
    "direction": "dense direction",
}
"""Further columns of `steering_table`, with what each raises instead of the concept's own latent."""


def steering_table(session: Session, material: Material, fitted: Iterable[Shared], group: str) -> pd.DataFrame:
    """Retrieval before and after steering, one row per dictionary and concept of a group of facts.

    before, after: mean average precision of the concept among GALLERY test rows of the first modality, for queries of
    the same modality without the concept. random: the same after a random live latent was raised instead; other: after
    the latent of the next concept that has another one; direction: after the difference of mean texts was added.
    """
    train, test = (session.world.facts(split) for split in ("train", "test"))
    columns = common_facts(train, group)
    rows = []
    for one in fitted:
        texts = one.views[material.towers[1]].codes(material.train, material.towers[1])
        latents = [find_concept_latent(texts, train.mentioned[:, 0, column]) for column in columns]
        for place, column in enumerate(columns):
            direction = mean_difference(material, train.mentioned[:, 0, column])
            scores = _steer(material, one, test.truth[:, column], _from(latents, place), direction)
            rows.append({"arm": one.arm, "seed": one.seed, "concept": test.names[column], **scores})
    return pd.DataFrame(rows)


def common_facts(facts: Facts, group: str) -> np.ndarray:
    """Column numbers of the STEERED_CONCEPTS facts of a group that first captions mention most often."""
    columns = facts.group(group)
    counts = facts.mentioned[:, 0, columns].sum(axis=0)
    return columns[np.argsort(-counts, kind="stable")[:STEERED_CONCEPTS]]


def mean_difference(material: Material, mentioned: np.ndarray) -> np.ndarray:
    """(d,) direction of unit norm from the mean training text without a concept to the mean text that mentions it."""
    texts = material.train.tower(material.towers[1]).astype(np.float64)
    difference = texts[mentioned].mean(axis=0) - texts[~mentioned].mean(axis=0)
    return difference / np.linalg.norm(difference)


def steering_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean gains over concepts, one row per arm and seed.

    gain: by the concept's latent. random_gain, other_gain, direction_gain: by each of RIVALS.
    """
    after = {"gain": "after"} | {f"{name}_gain": name for name in RIVALS}
    gains = table.assign(**{name: table[column] - table.before for name, column in after.items()})
    return gains.groupby(["arm", "seed"], sort=False)[list(after)].mean().reset_index()


def _from(latents: list[int], place: int) -> list[int]:
    """Return the latent of a concept, and that of the next concept with a different one; the same if none has."""
    after = [*latents[place:], *latents[:place]]
    return [after[0], next((latent for latent in after if latent != after[0]), after[0])]


def _steer(
    material: Material, one: Shared, shows: np.ndarray, latents: list[int], direction: np.ndarray
) -> dict[str, float]:
    latent, next_latent = latents
    tower = material.towers[0]
    codes, view = one.codes[tower], one.views[tower]
    gallery, relevant = material.test.tower(tower)[-GALLERY:], shows[-GALLERY:]
    chosen = np.flatnonzero(~shows[:-GALLERY])[:QUERIES]
    queries = codes.from_matrix(codes.ids[chosen], codes.csr()[chosen])
    live = np.unique(codes.indices)
    random = int(np.random.default_rng([one.seed, latent]).choice(live[live != latent]))
    raised = {"after": latent, "random": random, "other": next_latent}
    before = view.reconstruct(queries, tower)
    edited = {"before": before, "direction": (before + AMOUNT * direction).astype(np.float32)} | {
        name: view.reconstruct(raise_latent(queries, which, AMOUNT), tower) for name, which in raised.items()
    }
    return {name: float(average_precision(rows, gallery, relevant).mean()) for name, rows in edited.items()}
