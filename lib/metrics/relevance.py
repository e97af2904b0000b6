"""How high relevant items rank in a gallery: average precision of cosine rankings."""

from __future__ import annotations

import numpy as np

from lib.base.errors import CompanionError
from lib.metrics.rows import check_same_space, unit_rows


def average_precision(queries: np.ndarray, gallery: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """(n,) average precision of each query (n, d) over a gallery (m, d); relevant: bool (m,), the same for all queries.

    Average precision is the mean, over relevant items, of the share of relevant ones among those ranked no lower. Equal
    cosines keep the order of the gallery.
    """
    queries, gallery = unit_rows("queries", queries), unit_rows("gallery", gallery)
    check_same_space("queries", queries, "gallery", gallery)
    relevant = np.asarray(relevant)
    if relevant.shape != (len(gallery),) or relevant.dtype != bool or not relevant.any():
        raise CompanionError(f"relevant has shape {relevant.shape} for {len(gallery)} items; give booleans, one true")
    order = np.argsort(-(queries @ gallery.T), axis=1, kind="stable")
    hits = relevant[order]
    precision = hits.cumsum(axis=1) / np.arange(1, len(gallery) + 1)
    return (precision * hits).sum(axis=1) / relevant.sum()
