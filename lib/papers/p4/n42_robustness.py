"""Paper 4, notebook 42: the captions of the attack on scenes, and shortlists for the search by edited scores."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from lib.base.progress import progress
from lib.data.scenes.scene_grammar import FACTORS
from lib.data.scenes.swap import Swaps
from lib.editing.edited_search import FirstStage, Index
from lib.papers.p4.editors import Editor, find_editor
from lib.papers.p4.settings import HALF_TOLD
from lib.papers.p4.swapped_facts import TEVI
from lib.worlds.dialled_captions import caption_pictures
from lib.worlds.session import Session

SHOWN_COLUMNS = [
    "arm",
    "clean",
    "attacked",
    "drop",
    "larger_drop",
    "false",
    "prefers",
    "rephrased_false",
    "true",
    "image_false",
]
"""Columns of `swap_table` that the notebook shows."""

SHORTLISTS = (10, 16, 64, 256)
"""Sizes of the shortlists that are tried; the smallest is EXACT_BEST."""

EXACT_BEST = 10
"""Number of exact best pictures that a shortlist should hold."""


def caption_table(data: Swaps, n: int) -> pd.DataFrame:
    """Swapped factor and both captions of the first n scenes."""
    columns = {"scene": data.scenes[:n], "factor": [FACTORS[factor] for factor in data.factor[:n]]}
    texts = {
        name: [one for (one,) in (pairs.captions or ())[:n]]
        for name, pairs in (("own", data.own), ("altered", data.altered))
    }
    return pd.DataFrame(columns | texts)


def shortlist_table(session: Session, editors: Sequence[Editor], queries: int) -> pd.DataFrame:
    """Share of the EXACT_BEST pictures that the first stage finds, for captions of HALF_TOLD facts."""
    pictures = session.world.embeddings("test")
    texts = caption_pictures(session, "test", 2 * queries, HALF_TOLD).text[:queries]
    stages: tuple[FirstStage, ...] = ("latents", "embeddings")
    rows = []
    for seed in progress(session.seeds, desc="shortlists"):
        editor = find_editor(editors, TEVI, seed)
        index = Index(pictures, editor.sae, editor.masker)
        for stage in stages:
            for size in SHORTLISTS:
                recall = float(index.shortlist_recall(texts, EXACT_BEST, size, stage).mean())
                rows.append({"stage": stage, "seed": seed, "shortlist": size, "recall": recall})
    return pd.DataFrame(rows)
