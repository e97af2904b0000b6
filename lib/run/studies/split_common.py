"""What all codes have in common, and what is left of their agreement without it.

A latent that fires on most rows makes the codes of any two rows alike. It raises the cosine of pairs as well as that of
strangers, and helps neither retrieval nor classification. So every agreement is shown three times: with all latents;
without the frequent ones of `lib.metrics.code_overlap`; and with all of them, less the mean code of each modality,
which takes out the common part of latents of any frequency. The dense embeddings stand beside, as they are and centred.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from lib.metrics.code_overlap import frequent, without
from lib.metrics.code_search import code_zero_shot
from lib.metrics.rows import unit_rows
from lib.metrics.zero_shot import zero_shot
from lib.run.studies.split import Material, Shared
from lib.run.studies.split_measures import class_codes, dense_search, likeness, search

PARTS = ("all", "rare", "centred")
"""With the common part, and without it in two ways."""

DENSE = "dense embeddings"

Row = dict[str, float | str]


def common_table(material: Material, fitted: Iterable[Shared]) -> pd.DataFrame:
    """One row for each of PARTS of each dictionary, on test rows, and two for the embeddings themselves, as arm DENSE.

    frequent: number of latents that fire on more than half of the rows of either modality. cosine, strangers, jaccard,
    r1, r5, mrr, zero_shot: as in `split_measures.measures`; the class prompts lose the same. Means are of test rows.
    The last is NaN where the material has no classes.
    """
    rows = [row for one in fitted for row in _code_rows(material, one)]
    first, second = (material.test.tower(tower) for tower in material.towers)
    prompts = None if material.prompts is None else material.prompts.tower(material.towers[1])
    for part in ("all", "centred"):
        found = _agreement(material, first, second, prompts, centre=part == "centred")
        rows.append({"arm": DENSE, "seed": 0, "part": part, **found})
    return pd.DataFrame(rows)


def _code_rows(material: Material, one: Shared) -> list[Row]:
    often, classes = frequent(*one.pair), class_codes(material, one)
    head: Row = {"arm": one.arm, "seed": one.seed, "frequent": int(often.sum())}
    rows: list[Row] = []
    for part, silent in (("all", np.zeros_like(often)), ("rare", often)):
        first, second = (without(codes, silent) for codes in one.pair)
        row: Row = {**head, "part": part, **likeness(first, second), **search(first, second), "zero_shot": np.nan}
        if classes is not None and material.labels is not None:
            row["zero_shot"] = code_zero_shot(first, without(classes, silent), material.labels).accuracy
        rows.append(row)
    first, second = one.pair
    prompts = None if classes is None else classes.dense()
    centred = _agreement(material, first.dense(), second.dense(), prompts, centre=True)
    return [*rows, {**head, "part": "centred", **centred}]


def _agreement(
    material: Material, first: np.ndarray, second: np.ndarray, prompts: np.ndarray | None, centre: bool
) -> Row:
    """Cosines, retrieval and zero-shot of dense rows of the two modalities, each less its mean if asked."""
    means = [part.mean(axis=0, dtype=np.float64) * centre for part in (first, second)]
    a, b = (unit_rows("codes", part - mean) for part, mean in zip((first, second), means, strict=True))
    cosines = {"cosine": b, "strangers": np.roll(b, 1, axis=0)}
    row: Row = {name: float((a * other).sum(axis=1).mean()) for name, other in cosines.items()}
    row |= dense_search(a, b) | {"zero_shot": np.nan}
    if prompts is not None and material.labels is not None:
        row["zero_shot"] = zero_shot(a, prompts - means[1], material.labels).accuracy
    return row
