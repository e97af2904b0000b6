"""How well scores separate two classes of rows."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata


def aurocs(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of each column, (m,), from labels bool (n, m) and scores (n, m); ties count half.

    It is computed from ranks (Mann-Whitney). A loop over scikit-learn's `roc_auc_score` gives the same and takes twenty
    times as long.
    """
    positive, ranks = labels.sum(axis=0), rankdata(scores, axis=0)
    pairs = positive * (len(labels) - positive)
    return ((ranks * labels).sum(axis=0) - positive * (positive + 1) / 2) / pairs
