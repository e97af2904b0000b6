"""Exercises of notebook 10, the Monosemanticity Score."""

import numpy as np

from lib.metrics.monosemanticity import monosemanticity


def two_pictures() -> tuple[float, float]:
    """Easy. A latent fires on two pictures only, with activations 1 and 0.2. The judge's vectors of the two have the
    cosine 0.9. What is the latent's score, and does it depend on the activations? Return the score and the cosine."""
    judge = np.array([[1.0, 0.0], [0.9, np.sqrt(1 - 0.9**2)], [0.0, 1.0], [-1.0, 0.0]])
    activations = np.array([[1.0], [0.2], [0.0], [0.0]])
    score = monosemanticity(activations, judge).score[0]
    return float(score), float(judge[0] @ judge[1])


def lucky_latents() -> dict[int, float]:
    """Medium. 1,000 latents fire on `support` pictures drawn blindly out of 2,000, and the judge's vectors are random
    too: nothing means anything. What does the *best* latent score, for supports of 2, 5, 20 and 80? Return support to
    best score. What does that say about *best neuron* tables without a minimum support?"""
    rng = np.random.default_rng(0)
    judge = rng.standard_normal((2000, 32))
    best = {}
    for support in (2, 5, 20, 80):
        activations = np.zeros((2000, 1000))
        for latent in range(1000):
            activations[rng.choice(2000, support, replace=False), latent] = rng.random(support) + 0.5
        best[support] = float(monosemanticity(activations, judge).score.max())
    return best


def mixed_latent() -> dict[float, float]:
    """Hard. Pictures show cats or cars, 500 each; two of a kind have the judge's cosine 0.8, a cat and a car 0.
    A latent fires equally on a share p of cats among its pictures and on cars for the rest. Derive its score as a
    function of p, and check it for p of 0.5, 0.8 and 1. Return p to score. How pure is a latent of score 0.6?"""
    rng = np.random.default_rng(0)
    common = np.repeat(np.eye(2) * np.sqrt(0.8), 500, axis=0)
    own = rng.standard_normal((1000, 4000))
    own *= np.sqrt(0.2) / np.linalg.norm(own, axis=1, keepdims=True)
    judge = np.hstack([common, own])  # 0.8 (p^2 + (1 - p)^2), but for the pairs of a picture with itself
    scores = {}
    for p in (0.5, 0.8, 1.0):
        cats = int(400 * p)
        activations = np.zeros((1000, 1))
        activations[:cats] = activations[500 : 900 - cats] = 1
        scores[p] = float(monosemanticity(activations, judge).score[0])
    return scores
