"""What all codes have in common, and what is left of their agreement without it.

A latent that fires on most rows makes the codes of any two rows alike. It raises the cosine of pairs as well as that of
strangers, and helps neither retrieval nor classification. So every agreement is shown with all latents, and without
the frequent ones of `lib.metrics.code_overlap`. The dense embeddings stand beside them, as they are, and less the mean
of each tower, which is their common part.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from lib.encoders.embeddings import Embeddings
from lib.metrics.code_overlap import frequent, without
from lib.metrics.code_search import code_zero_shot
from lib.metrics.rows import unit_rows
from lib.run.studies.split import Material, Shared
from lib.run.studies.split_measures import class_codes, dense_search, likeness, search
from lib.sae.kmeans import centred

PARTS = ("all", "rare")
"""With the common part, and without it."""


def common_table(material: Material, fitted: Iterable[Shared]) -> pd.DataFrame:
    """Two rows for each dictionary, one for each of PARTS, on test rows.

    frequent: number of latents that fire on more than half of the rows of either modality. cosine, strangers, jaccard,
    r1, r5, mrr, zero_shot: as in `split_measures.measures`; the class prompts lose the same latents.
    """
    rows = []
    for one in fitted:
        often, classes = frequent(*one.pair), class_codes(material, one)
        for part, silent in zip(PARTS, (np.zeros_like(often), often), strict=True):
            first, second = (without(codes, silent) for codes in one.pair)
            row = {"arm": one.arm, "seed": one.seed, "part": part, "frequent": int(often.sum())}
            row |= likeness(first, second) | search(first, second) | {"zero_shot": np.nan}
            if classes is not None and material.labels is not None:
                row["zero_shot"] = code_zero_shot(first, without(classes, silent), material.labels).accuracy
            rows.append(row)
    return pd.DataFrame(rows)


def dense_common(material: Material) -> pd.DataFrame:
    """The same of the embeddings themselves: part, cosine, strangers, r1, r5, mrr; `rare` is less the training mean."""
    parts = (material.test, centred(material.test, material.train))
    return pd.DataFrame({"part": part, **_dense(material, rows)} for part, rows in zip(PARTS, parts, strict=True))


def _dense(material: Material, rows: Embeddings) -> dict[str, float]:
    first, second = (unit_rows("embeddings", rows.tower(tower)) for tower in material.towers)
    cosines = {"cosine": second, "strangers": np.roll(second, 1, axis=0)}
    means = {name: float((first * other).sum(axis=1).mean()) for name, other in cosines.items()}
    return means | dense_search(first, second)
