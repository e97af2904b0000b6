"""Paper 3: the part that all codes have in common, and how much of their agreement remains without it.

A latent that fires on most rows makes the codes of any two rows alike. It raises the cosine of pairs as well as that of
strangers, and helps neither retrieval nor classification. So every agreement is shown three times: with all latents;
without the frequent ones of `lib.metrics.paired_codes`; and with all of them, less the mean code of each modality,
which removes the common part of latents of any frequency. Dense embeddings, as they are and centred, are a reference.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from lib.metrics.code_search import code_zero_shot
from lib.metrics.paired_codes import frequent_latents, silence_latents
from lib.metrics.rows import unit_rows
from lib.metrics.zero_shot import zero_shot
from lib.papers.p3.measured_runs import EMBEDDINGS
from lib.papers.p3.measures import class_codes, pair_agreement, search_by_codes, search_by_embeddings
from lib.papers.p3.pair_dictionaries import Material, Shared

COMMON_PARTS = ("all", "rare", "centred")
"""Codes with the common part, and without it in two ways."""

DENSE = EMBEDDINGS
"""Name of the reference arm."""

DUST = 1e-9
"""A row whose entries are no larger has no direction: rounding leaves as much of equal rows minus their mean."""

_Row = dict[str, float | str]


def common_table(material: Material, fitted: Iterable[Shared]) -> pd.DataFrame:
    """Agreement of codes of test rows, one row per dictionary and part of COMMON_PARTS; two rows for the arm DENSE.

    frequent: number of latents that fire on more than half of the rows of either modality. cosine, strangers, jaccard,
    r1, r5, mrr, zero_shot: as in `measure_dictionary`; class prompts are reduced in the same way. Mean codes are those
    of test rows. zero_shot is NaN where the material has no classes.
    """
    rows = [row for one in fitted for row in _code_rows(material, one)]
    first, second = (material.test.tower(tower) for tower in material.towers)
    prompts = None if material.prompts is None else material.prompts.tower(material.towers[1])
    for part in ("all", "centred"):
        found = _agreement(material, first, second, prompts, centre=part == "centred")
        rows.append({"arm": DENSE, "seed": 0, "part": part, **found})
    return pd.DataFrame(rows)


def _code_rows(material: Material, one: Shared) -> list[_Row]:
    often, classes = frequent_latents(*one.pair), class_codes(material, one)
    head: _Row = {"arm": one.arm, "seed": one.seed, "frequent": int(often.sum())}
    rows: list[_Row] = []
    for part, silent in (("all", np.zeros_like(often)), ("rare", often)):
        first, second = (silence_latents(codes, silent) for codes in one.pair)
        row: _Row = {
            **head,
            "part": part,
            **pair_agreement(first, second),
            **search_by_codes(first, second),
            "zero_shot": np.nan,
        }
        if classes is not None and material.labels is not None:
            row["zero_shot"] = code_zero_shot(first, silence_latents(classes, silent), material.labels).accuracy
        rows.append(row)
    first, second = one.pair
    prompts = None if classes is None else classes.dense()
    centred = _agreement(material, first.dense(), second.dense(), prompts, centre=True)
    return [*rows, {**head, "part": "centred", **centred}]


def _agreement(
    material: Material, first: np.ndarray, second: np.ndarray, prompts: np.ndarray | None, centre: bool
) -> _Row:
    """Cosines, retrieval and zero-shot of dense rows of the two modalities; `centre` subtracts the mean of each.

    All are NaN where a row has no direction, as where all captions are the same and nothing is left of them.
    """
    means = [part.mean(axis=0, dtype=np.float64) * centre for part in (first, second)]
    rows = [part - mean for part, mean in zip((first, second), means, strict=True)]
    if not all((np.abs(part).max(axis=1) > DUST).all() for part in rows):
        return dict.fromkeys(("cosine", "strangers", "r1", "r5", "mrr", "zero_shot"), np.nan)
    a, b = (unit_rows("codes", part) for part in rows)
    cosines = {"cosine": b, "strangers": np.roll(b, 1, axis=0)}
    row: _Row = {name: float((a * other).sum(axis=1).mean()) for name, other in cosines.items()}
    row |= search_by_embeddings(a, b) | {"zero_shot": np.nan}
    if prompts is not None and material.labels is not None:
        row["zero_shot"] = zero_shot(a, prompts - means[1], material.labels).accuracy
    return row
