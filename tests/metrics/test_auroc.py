from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score

from lib.metrics.auroc import aurocs


def test_aurocs_against_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    labels, scores = rng.random((40, 3)) < 0.4, rng.integers(6, size=(40, 3)) / 6
    expected = [roc_auc_score(labels[:, k], scores[:, k]) for k in range(3)]
    np.testing.assert_allclose(aurocs(labels, scores), expected, atol=1e-12)
