"""Exercises of notebook 13, what the score leaves open."""

import numpy as np

from lib.metrics.monosemanticity import monosemanticity


def untrained_share(trained: float, untrained: float, chance: float) -> tuple[float, float]:
    """Easy. A trained and an untrained dictionary each have a mean score, and the judge has a chance level. Return the
    ratio of the untrained score to the trained one, first for the scores as they are, then for the scores above chance.
    Which of the two can be compared between judges?"""
    return untrained / trained, (untrained - chance) / (trained - chance)


def narrow_and_broad() -> tuple[float, float]:
    """Medium. The judge's cosine of two pictures is six tenths if they show one kind, and two tenths if they show two
    kinds of one group; the group has four kinds, with 100 pictures each. One latent fires on all pictures of one kind,
    another on all pictures of the group, both with the same activation everywhere. Return their scores."""
    rng = np.random.default_rng(0)
    kinds = np.repeat(np.eye(4) * np.sqrt(0.4), 100, axis=0)
    own = rng.standard_normal((400, 4000))
    own *= np.sqrt(0.4) / np.linalg.norm(own, axis=1, keepdims=True)
    judge = np.hstack([np.full((400, 1), np.sqrt(0.2)), kinds, own])
    judge = np.vstack([judge, np.eye(1, judge.shape[1], judge.shape[1] - 1)])  # and a picture of something else
    activations = np.zeros((401, 2))
    activations[:100, 0] = activations[:400, 1] = 1
    narrow, broad = monosemanticity(activations, judge).score
    return float(narrow), float(broad)


def two_denominators() -> tuple[float, float]:
    """Medium. A latent is active on 50 of 1,000 pictures, with the same activation on each, and any two of the 50 have
    a cosine of one half by the judge. Return its score, and the mean with the other denominator: the same sum divided
    by the number of all pairs. How do both change if the latent has ten times as many pictures?"""
    pairs, all_pairs = 50 * 49 / 2, 1000 * 999 / 2
    return 0.5 * pairs / pairs, 0.5 * pairs / all_pairs
