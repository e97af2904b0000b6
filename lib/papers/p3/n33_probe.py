"""Paper 3: bias discovery, a linear probe on a biased sample explained by latents (Kaushik et al., figure 5).

The sample is made so that the probed fact comes with another fact nine times in ten. A dictionary that names its
latents well shows the planted fact among the probe's strongest latents.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from lib.data.pairs import Facts
from lib.metrics.probe import LISTED_LATENTS, probe_parts
from lib.papers.p3.measures import first_decoder
from lib.papers.p3.pair_dictionaries import Material, Shared
from lib.worlds.session import Session

TOGETHER = 0.9
"""Share of the positive examples that show the planted fact."""


def biased_probe_table(
    session: Session, material: Material, fitted: Iterable[Shared], probed: str, planted: str
) -> pd.DataFrame:
    """Strongest latents of a probe for `probed` on a sample biased to `planted`, LISTED_LATENTS rows per dictionary.

    lift: share of the planted fact among the rows that activate the latent, minus its share in all rows.
    """
    facts = session.world.facts("train")
    rows, positive = biased_rows(facts, probed, planted)
    tower = material.towers[0]
    x = material.train.tower(tower)[rows]
    weights = LogisticRegression(max_iter=200).fit(x, positive).coef_[0]
    sample = material.train.rows(rows, f"{probed} with {planted}")
    shows = facts.truth[:, facts.names.index(planted)]
    table = []
    for one in fitted:
        view = one.views[tower]
        parts = probe_parts(weights, first_decoder(one), view.codes(sample, tower), positive)
        fires = view.codes(material.train, tower).csr() > 0
        for place, latent in enumerate(parts.top(LISTED_LATENTS)):
            active = fires[:, [int(latent)]].toarray()[:, 0]
            lift = shows[active].mean() - shows.mean() if active.any() else 0.0
            about = {"arm": one.arm, "seed": one.seed, "place": place, "latent": int(latent)}
            table.append({**about, "contribution": parts.contribution[latent], "lift": lift})
    return pd.DataFrame(table)


def biased_rows(facts: Facts, probed: str, planted: str) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers and labels of a sample in which TOGETHER of the rows with the probed fact show the planted one.

    Rows with the probed fact alone are thinned to that end. There are at most four times as many rows without it.
    """
    has, extra = (facts.truth[:, facts.names.index(name)] for name in (probed, planted))
    both, alone = np.flatnonzero(has & extra), np.flatnonzero(has & ~extra)
    alone = alone[: max(1, round(len(both) * (1 - TOGETHER) / TOGETHER))]
    negative = np.flatnonzero(~has)[: 4 * (len(both) + len(alone))]
    rows = np.sort(np.concatenate([both, alone, negative]))
    return rows, has[rows]
