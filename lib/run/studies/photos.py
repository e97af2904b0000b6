"""Real photographs with human captions: retrieval first, then paper 1 as far as it needs no pictures."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.metrics.gap import modality_gap
from lib.metrics.retrieval import retrieval
from lib.report.claims import Claim
from lib.run.start import Session
from lib.run.studies.monosemanticity import score_table
from lib.run.studies.monosemanticity_claims import claim_c1, claim_c6
from lib.run.studies.real_clip import fit_all

__all__ = ["claims", "fit_all", "gap_table", "retrieval_table", "score_table"]

NOTEBOOK = "04_photos"

GOAL = 0.18
"""Recall at 1 from caption to photo that the model was to reach on the test split, fixed before it was trained."""


def retrieval_table(session: Session) -> pd.DataFrame:
    """direction, queries, candidates, r1, r5, r10, median rank and chance of R@1 on the test split, all captions."""
    image, text = session.world.embeddings("test").tower("image"), session.world.captions("test")
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


def gap_table(session: Session) -> pd.DataFrame:
    """Mean cosines of matched and of random pairs, and the distance of the two means, by split."""
    rows = []
    for split in session.world.sizes:
        e = session.world.embeddings(split)
        gap = modality_gap(e.tower("image"), e.tower("text"))
        rows.append({"split": split, "matched": gap.matched, "random": gap.random, "l2m": gap.l2m})
    return pd.DataFrame(rows)


def claims(session: Session, table: pd.DataFrame) -> list[Claim]:
    """C1 and C6, judged by MiniLM on the captions."""
    n = session.profile.splits.test
    return [claim_c1(table, session.profile.sae.k, n, "network", NOTEBOOK), claim_c6(table, n, NOTEBOOK)]
