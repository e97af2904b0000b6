"""Exercises of notebook 42, one wrong fact."""

import numpy as np


def fooled(own: np.ndarray, altered: np.ndarray) -> tuple[float, float]:
    """Easy. `own` (n, n) are scores of n pictures with the captions of all of them, row i with its own caption in
    column i; `altered` (n, n) are the scores with the same captions, each with one fact made wrong. Return the share of
    pictures whose best caption of all is an altered one, of any picture, and the share that prefer their own caption to
    its altered form."""
    false = altered.max(axis=1) > own.max(axis=1)
    return float(false.mean()), float((own.diagonal() > altered.diagonal()).mean())
