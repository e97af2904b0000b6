"""Exercises of notebook 23, sparsity and dead latents."""

import numpy as np


def killed(start: np.ndarray, trained: np.ndarray) -> tuple[float, float]:
    """Easy. `start` and `trained` are codes (rows, latents) of the same rows by a dictionary before its first step and
    after its last. Return the share of its latents that were silent on all rows at the start and, of the other latents,
    the share that is silent now."""
    silent = ~(start > 0).any(axis=0)
    return float(silent.mean()), float((~(trained > 0).any(axis=0))[~silent].mean())


def only_rare(rows: int) -> float:
    """Medium. 512 latents fire independently of each other, each on one row in a thousand: none is dead. Which share of
    them looks dead on `rows` test rows? Derive it, and return the share. How many rows does a count of dead latents
    need?"""
    return float((1 - 1 / 1000) ** rows)
