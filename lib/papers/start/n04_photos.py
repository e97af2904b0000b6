"""Real photographs with human captions: how well their embeddings retrieve, and their modality gap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from lib.metrics.gap import modality_gap
from lib.metrics.retrieval import retrieval
from lib.worlds.session import Session

GOAL = 0.18
"""Recall at 1 from caption to photo that the model had to reach on the test split; fixed before training."""

TRAINED, SCORED = 3000, 4000
"""Photographs that dictionaries are trained on here, and others on which their latents are scored."""


def halved(session: Session) -> Session:
    """The session with dictionaries of half of the training photographs, and the other half among the test ones."""
    splits = session.profile.splits.model_copy(update={"train": TRAINED, "test": SCORED})
    return replace(session, profile=session.profile.model_copy(update={"splits": splits}))


def retrieval_table(session: Session) -> pd.DataFrame:
    """Retrieval on the test split with all captions, one row per direction.

    Columns: direction, queries, candidates, r1, r5, r10, median (rank), chance (of R@1).
    """
    image, text = session.world.embeddings("test").tower("image"), session.world.caption_embeddings("test")
    n, each, width = text.shape
    found = retrieval(image, text.reshape(n * each, width), np.arange(n * each) // each)
    rows = []
    for name, ranks, candidates, right in (
        ("photo to caption", found.image_to_text, n * each, each),
        ("caption to photo", found.text_to_image, n, 1),
    ):
        recalls = {f"r{k}": ranks.recall(k) for k in (1, 5, 10)}
        about = {"direction": name, "queries": len(ranks.ranks), "candidates": candidates}
        rows.append({**about, **recalls, "median": ranks.median, "chance": right / candidates})
    return pd.DataFrame(rows)


def split_gap_table(session: Session) -> pd.DataFrame:
    """Mean cosines of matched and of random pairs, and the distance of the two means, by split."""
    rows = []
    for split in session.world.sizes:
        e = session.world.embeddings(split)
        gap = modality_gap(e.tower("image"), e.tower("text"))
        rows.append({"split": split, "matched": gap.matched, "random": gap.random, "l2m": gap.l2m})
    return pd.DataFrame(rows)
