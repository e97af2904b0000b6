"""ESC-50: sounds of the environment in 50 categories. Source: Piczak, ACM MM 2015."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lib.base.errors import CompanionError
from lib.data.formats.captioned_sounds import clip_pairs, read_csv_rows
from lib.data.pairs import Facts, Pairs

_COLUMNS = ("filename", "fold", "target", "category", "esc10", "src_file", "take")


def esc50(meta: Path, folder: Path, folds: Sequence[int] = (1, 2, 3, 4, 5)) -> Pairs:
    """Read folds of ESC-50: the category of a sound is its only caption and, as `category:dog`, its only fact.

    meta: `meta/esc50.csv`. folder: the folder `audio`. folds: numbers from 1 to 5.
    """
    rows = read_csv_rows(meta, _COLUMNS)
    kept = [row for row in rows if row["fold"] in {str(fold) for fold in folds}]
    if not kept:
        raise CompanionError(f"{meta.name}: no sounds of folds {list(folds)}; ESC-50 has folds 1 to 5")
    names = sorted({row["category"] for row in rows})
    truth = np.array([[row["category"] == name for name in names] for row in kept])
    texts = [(row["filename"], (row["category"].replace("_", " "),)) for row in kept]
    pairs = clip_pairs("esc50", meta, folder, texts, folds=list(folds))
    return replace(pairs, facts=Facts(tuple(f"category:{name}" for name in names), truth, truth[:, None]))
