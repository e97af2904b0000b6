"""Exercise of notebook 01, the scenes world."""

import numpy as np


def distance_of_means(images: np.ndarray, captions: np.ndarray) -> float:
    """Easy. The rows of `images` (n, d) and `captions` (m, d) are embeddings of any length. Return L2M: the distance
    between the mean of the pictures and the mean of the captions, after each row was divided by its own length."""
    first, second = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (images, captions))
    return float(np.linalg.norm(first.mean(axis=0) - second.mean(axis=0)))
