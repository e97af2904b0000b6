"""Judges and taxonomies for worlds whose pictures have a known class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lib.data.sets.tiny_imagenet import RANKS
from lib.encoders.embeddings import Embeddings


def class_truth(mine: Embeddings, truth: np.ndarray, source: str) -> Embeddings:
    """Make the judge that knows the truth: facts bool (n, f) of the pictures of `mine`, centred, as unit rows.

    source: the origin of the facts.
    """
    vectors = truth.astype(np.float32)
    judge = replace(mine, image=vectors - vectors.mean(axis=0), text=None, encoder=source, normalised=False)
    return replace(judge, identity={**mine.identity, "judge": "truth"}).unit()


def one_hot(numbers: np.ndarray, count: int) -> np.ndarray:
    """Make bool (n, count) truth for pictures with one class number each."""
    return numbers[:, None] == np.arange(count)


def rank_numbers(paths: Sequence[tuple[str, ...]]) -> np.ndarray:
    """Number the realm, group and kind of every class from their WordNet ids, (classes, 3)."""
    ids = np.array(paths)
    return np.column_stack([np.unique(ids[:, i], return_inverse=True)[1] for i in range(len(RANKS))])
