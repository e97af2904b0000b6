"""Exercises of notebook 30, why dictionaries split."""

import numpy as np
import torch
from scipy.optimize import brentq

from lib.metrics.paired_codes import pair_cosine
from lib.run.studies.split import ARMS, Arm, controlled_material, fit
from lib.run.studies.split_causes import SETTING
from lib.sae.gsae import PAPER_WEIGHT, group_norm
from lib.sae.sparse import Code
from lib.sae.split_theory import threshold


def merged_by_the_paper() -> float:
    """Easy. With K concepts in a unit vector, one activation is about 1 / sqrt(K). From which cosine of a concept's two
    directions on does the paper's weight, 0.05 at K 32, make one merged latent cheaper than two? Return the cosine."""
    weight = PAPER_WEIGHT * np.sqrt(32)  # over the activation, as the threshold is
    return float(brentq(lambda rho: float(threshold(rho)) - weight, 0.01, 1.0))


def three_modalities() -> float:
    """Easy. A third modality joins the pair. What does the group norm cost a concept of activation 1 that all three put
    on one latent, and what if the third has a latent of its own? Return the ratio of the first to the second."""

    def cost(latents: list[int]) -> float:
        positions = torch.tensor([row * 4 + latent for row, latent in enumerate(latents)])
        return float(group_norm(Code(positions, torch.ones(3), rows=3, width=4), members=3))

    return cost([0, 0, 0]) / cost([0, 0, 1])


def only_the_gap() -> dict[str, float]:
    """Hard. Two causes split a dictionary of one bias: directions that differ, and the gap. Take the directions' cosine
    to 1 and compare SAE-1b with SAE-2b on controlled vectors. What is left of the split, and which cause is it? Return
    the mean cosine of paired codes of each."""
    material = controlled_material(1.0, 0, SETTING)
    arms: dict[str, Arm] = {name: ARMS[name] for name in ("SAE-1b", "SAE-2b")}
    return {name: float(pair_cosine(*fit(material, arm, 0, name).pair).mean()) for name, arm in arms.items()}
