"""Exercises of notebook 31, group sparsity and masks."""

import numpy as np


def batch_topk(fit: np.ndarray, k: int) -> np.ndarray:
    """Easy. BatchTopK keeps the k times `rows` largest entries of a whole batch `fit` (rows, latents), wherever they
    are, and sets the rest and all negative ones to zero. Return the code (rows, latents)."""
    least = np.sort(fit, axis=None)[-k * len(fit)]
    return np.where(fit >= least, np.maximum(fit, 0), 0)


def score_across(pictures: np.ndarray, captions: np.ndarray, seen: np.ndarray, said: np.ndarray) -> float:
    """Medium. One latent has the activations `pictures` (n,) and `captions` (m,). A judge gives the unit vectors `seen`
    (n, d) and `said` (m, d). Return the latent's score across modalities: the judge's mean cosine over all pairs of a
    picture and a caption, weighted by both activations; 0 if it is silent on one side. Two sums suffice, no loop over
    pairs."""
    weight = pictures.sum() * captions.sum()
    return float((pictures @ seen) @ (captions @ said) / weight) if weight > 0 else 0.0
