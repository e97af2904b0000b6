"""Exercises of notebook 22, decoding by shared concepts."""

import numpy as np


def accuracy_after_cut(chance: np.ndarray, yes: np.ndarray, cut: float) -> float:
    """Easy. A model answers each question with yes or no, and draws its answer. Before it draws, the cut removes an
    answer whose chance is less than `cut` times that of the other one, and what stays is scaled to sum to 1. Given the
    chances of yes, (n,), and whether yes is right, (n,), return the expected accuracy. Then take the questions of this
    notebook and cuts from 0 to 1: where does sampling become greedy?"""
    less, more = np.minimum(chance, 1 - chance), np.maximum(chance, 1 - chance)
    drawn = np.where(less < cut * more, np.round(chance), chance)
    return float(np.where(yes, drawn, 1 - drawn).mean())
