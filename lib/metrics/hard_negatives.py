"""A right caption against a wrong one, item by item, as in SugarCrepe and other sets of hard negatives.

Source: Hsieh et al., SugarCrepe, arXiv 2306.14610. A tie counts half here, so that a model blind to the difference has
the 50 % of chance; the authors' code counts it as wrong.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lib.base.errors import CompanionError
from lib.metrics.rows import TIE


def preferred(right: np.ndarray, wrong: np.ndarray, *, tie: float = TIE) -> np.ndarray:
    """(n,) preference for the right caption: 1 where it scores higher, 0 where the wrong one does, 0.5 for a tie.

    right, wrong (n,): scores of each item's picture with its two captions. The mean of the result is the accuracy.
    """
    right, wrong = np.asarray(right, np.float64), np.asarray(wrong, np.float64)
    if right.shape != wrong.shape or right.ndim != 1 or len(right) == 0:
        raise CompanionError(f"scores of shapes {right.shape} and {wrong.shape}; give each item one of both")
    if not (np.isfinite(right).all() and np.isfinite(wrong).all()):
        raise CompanionError("scores contain NaN or infinity; embed again or drop rows without a direction")
    return np.where(np.abs(right - wrong) <= tie, 0.5, right > wrong)


def accuracy_table(preferences: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Number of items and accuracy per subset (name to the result of `preferred`), and last the mean over subsets."""
    if not preferences:
        raise CompanionError("no subsets to tabulate; give at least one")
    rows = [{"subset": name, "items": len(one), "accuracy": float(one.mean())} for name, one in preferences.items()]
    mean = float(np.mean([row["accuracy"] for row in rows]))
    return pd.DataFrame([*rows, {"subset": "mean", "items": sum(map(len, preferences.values())), "accuracy": mean}])
