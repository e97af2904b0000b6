"""Real CLIP embeddings of 500 COCO pairs: known numbers first, then paper 1 as far as it needs no pictures."""

from __future__ import annotations

import pandas as pd

from lib.data.clip_arrays import coco500
from lib.metrics.gap import modality_gap
from lib.metrics.retrieval import retrieval
from lib.report.claims import Claim
from lib.run.start import Session
from lib.run.studies import dictionaries
from lib.run.studies.dictionaries import Fitted, Recipe
from lib.run.studies.monosemanticity import PAPER_RECIPES, score_table
from lib.run.studies.monosemanticity_claims import claim_c1, claim_c6

__all__ = ["claims", "fit_all", "known_numbers", "score_table"]

NOTEBOOK = "03_real_clip"

KNOWN = {
    "distance of the two means": 0.851,
    "mean cosine of matched pairs": 0.310,
    "mean cosine of random pairs": 0.162,
    "image-to-text recall at 1": 0.552,
}
"""Known of this file; the first is in Liang et al., NeurIPS 2022, figure 1."""


def known_numbers() -> pd.DataFrame:
    """name, known and measured value of what others know of all 500 pairs."""
    _, image, text, _ = coco500()
    gap = modality_gap(image, text)
    measured = [gap.l2m, gap.matched, gap.random, retrieval(image, text).image_to_text.recall(1)]
    return pd.DataFrame({"name": list(KNOWN), "known": list(KNOWN.values()), "measured": measured})


def fit_all(session: Session) -> list[Fitted]:
    """The paper's two dictionaries at the embedding's width, and the untrained one."""
    k = session.profile.sae.k
    trained = [Recipe(name, 1, k) for name in PAPER_RECIPES]
    return dictionaries.fit_all(session, [*trained, Recipe("matryoshka", 1, k, trained=False)])


def claims(session: Session, table: pd.DataFrame) -> list[Claim]:
    """C1 and C6, judged by the captions."""
    n = session.profile.splits.test
    return [claim_c1(table, session.profile.sae.k, n, "captions", NOTEBOOK), claim_c6(table, n, NOTEBOOK)]
