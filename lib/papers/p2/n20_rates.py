"""Paper 2: the learning rate that the paper prints, compared with that of its code."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from lib.metrics.fidelity import fvu
from lib.papers.p2.two_tower_dictionaries import (
    LEARNING_RATE,
    VL_SAE,
    check_pairs,
    fit_two_tower_arm,
    two_tower_training,
)
from lib.sae.models.two_towers import TOWERS
from lib.sae.training.train_ahead import train_ahead
from lib.worlds.session import Session

RATES = (1e-4, LEARNING_RATE)
"""Learning rate of the paper, and of its code."""


def rate_table(session: Session) -> pd.DataFrame:
    """FVU of dev pairs at both learning rates, with the first seed: rate, tower, fvu.

    It is the first table of notebook 20, so it refuses a world that has too few pairs for the others.
    """
    check_pairs(session)
    arms, seed, rows = [replace(VL_SAE, rate=rate) for rate in RATES], session.seeds[0], []
    train_ahead((two_tower_training(session, arm, seed) for arm in arms), session.device)
    for rate, arm in zip(RATES, arms, strict=True):
        f = fit_two_tower_arm(session, arm, seed)
        dev = f.embeddings("dev")
        for tower in TOWERS:
            rows.append(
                {
                    "rate": rate,
                    "tower": tower,
                    "fvu": fvu(dev.tower(tower), f.sae.reconstruct(f.sae.codes(dev, tower), tower)),
                }
            )
    return pd.DataFrame(rows)
