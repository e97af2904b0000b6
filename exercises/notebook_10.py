"""Exercises of notebook 10, the Monosemanticity Score."""

import numpy as np

from lib.metrics.monosemanticity import monosemanticity


def two_pictures() -> tuple[float, float]:
    """Easy. Of four pictures a latent fires on two, with activations of 1 and one fifth; on the other two it is silent.
    The judge's vectors of the first two have a cosine of nine tenths. What is the latent's score, and does it depend on
    the activations? Return the score and the cosine."""
    judge = np.array([[1.0, 0.0], [0.9, np.sqrt(1 - 0.9**2)], [0.0, 1.0], [-1.0, 0.0]])
    activations = np.array([[1.0], [0.2], [0.0], [0.0]])
    score = monosemanticity(activations, judge).score[0]
    return float(score), float(judge[0] @ judge[1])


def lucky_latents() -> dict[int, float]:
    """Medium. 1,000 latents fire on `support` pictures drawn at random from 2,000, and the judge's vectors are random,
    too: nothing means anything. What does the *best* latent score, for supports of 2, 5, 20 and 80? Return a dict of
    support to best score. What follows for tables of the best neuron without a minimum support?"""
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
    """Hard. Pictures show cats or cars, 500 each. By the judge, two pictures of one kind have a cosine of eight tenths,
    and a cat and a car a cosine of 0. A latent fires on 400 pictures with the same activation; a share p of them are
    cats, the rest cars. Derive its score as a function of p, and check it for p of a half, eight tenths and 1. Return a
    dict of p to score. How pure is a latent whose score is six tenths?"""
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
