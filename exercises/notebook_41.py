"""Exercises of notebook 41, retrieval by edited pictures."""

import numpy as np

from lib.metrics.retrieval import rank_scores


def collapsed() -> dict[str, float]:
    """Easy. An edit that maps every picture to the same vector gives every pair the same score. What is its R@1 among
    100 pictures if ties count for us, by average rank, and against us? Return the share of hits under `optimistic`
    (the smallest tied rank), `average` and `pessimistic` ranks."""
    scores, owner = np.ones((100, 100)), np.arange(100)
    hits = {"optimistic": float(((scores > 1).sum(axis=1) + 1 <= 1).mean())}
    for ties in ("average", "pessimistic"):
        found = rank_scores([scores], np.ones(100), owner, ties=ties)
        hits[ties] = float(found.text_to_image.recall(1))
    return hits


def any_of_five() -> tuple[float, float]:
    """Easy. Scores of 200 pictures and five captions each are noise. What is R@1 from picture to caption, if any of its
    five counts, and from caption to picture? Return both. Why do the two directions of a table never compare?"""
    rng = np.random.default_rng(0)
    scores, owner = rng.standard_normal((200, 1000)), np.repeat(np.arange(200), 5)
    draws = []
    for _ in range(50):
        scores = rng.standard_normal((200, 1000))
        found = rank_scores([scores], scores[owner, np.arange(1000)], owner)
        draws.append((found.image_to_text.recall(1), found.text_to_image.recall(1)))
    first, second = np.mean(draws, axis=0)
    return float(first), float(second)


def the_leak() -> tuple[float, float]:
    """Medium. Pictures and captions of 200 pairs are unrelated random vectors. Edit each picture by *its own* caption,
    half the way towards it, and search with all captions; then edit every pair by *that pair's* caption. Return R@1 of
    the two. Which of them could tell a good edit from a bad one?"""
    rng = np.random.default_rng(0)
    x, t = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in rng.standard_normal((2, 200, 64)))
    owner = np.arange(200)

    def recall(scores: np.ndarray) -> float:
        return float(rank_scores([scores], np.diag(scores).copy(), owner).text_to_image.recall(1))

    own = x + t
    leaky = own @ t.T / np.linalg.norm(own, axis=1, keepdims=True)
    cosine = x @ t.T
    fair = (cosine + 1) / np.sqrt(2 + 2 * cosine)  # cos(x + t, t) of unit vectors
    return recall(leaky), recall(fair)
