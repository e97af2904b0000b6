"""Retrieval and zero-shot classification on sparse codes, with the rules of `retrieval` and `zero_shot`.

Codes of two modalities that share no latent have cosine 0, and all candidates are tied. Ties are pessimistic here, so a
split dictionary scores 0 and not chance. A code without active latents has cosine 0 with everything.
"""

from __future__ import annotations

import numpy as np

from lib.metrics.paired_codes import unit_codes
from lib.metrics.retrieval import Retrieval, rank_scores
from lib.metrics.rows import blocks, check_same_dictionary, check_same_pairs
from lib.metrics.zero_shot import ZeroShot, classify
from lib.sae.codes import SparseCodes


def code_retrieval(image: SparseCodes, text: SparseCodes, *, chunk: int = 1024) -> Retrieval:
    """Rank texts for images and images for texts by the cosine of their codes; row i of both is pair i."""
    check_same_pairs(image, text)
    first, second = unit_codes(image), unit_codes(text)
    own = first.multiply(second).sum(axis=1)
    scores = ((first[rows] @ second.T).toarray() for rows in blocks(len(image), chunk))
    return rank_scores(scores, own, np.arange(len(own)), ties="pessimistic")


def code_zero_shot(rows: SparseCodes, classes: SparseCodes, labels: np.ndarray, *, chunk: int = 1024) -> ZeroShot:
    """Classify codes of n rows by the codes of c class prompts, and compare with labels (n,) from 0 to c - 1."""
    check_same_dictionary(rows, classes)
    first, second = unit_codes(rows), unit_codes(classes)
    scores = ((first[part] @ second.T).toarray() for part in blocks(len(rows), chunk))
    return classify(scores, labels, (len(rows), len(classes)))
