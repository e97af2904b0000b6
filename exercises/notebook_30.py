"""Exercises of notebook 30, why dictionaries split."""

import numpy as np
import torch
from scipy.optimize import brentq

from lib.metrics.paired_codes import pair_cosine
from lib.papers.p3.controlled_runs import CONTROLLED_SETTING
from lib.papers.p3.n30_theory import threshold
from lib.papers.p3.pair_dictionaries import PAIRED_ARMS, PairedArm, controlled_material, fit_paired_arm
from lib.sae.models.gsae import PAPER_WEIGHT, group_norm
from lib.sae.sparse import Code, Pattern


def merged_by_the_paper() -> float:
    """Easy. With K concepts in a unit vector, one activation is about 1 / sqrt(K). The paper's weight is one twentieth
    at K 32. From which cosine of a concept's two directions upwards is one merged latent cheaper than two? Return this
    cosine."""
    weight = PAPER_WEIGHT * np.sqrt(32)  # over the activation, as the threshold is
    return float(brentq(lambda rho: float(threshold(rho)) - weight, 0.01, 1.0))


def three_modalities() -> float:
    """Easy. A third modality joins the pair. What is the group norm of a concept with activation 1 if all three put it
    on one latent, and what is it if the third has a latent of its own? Return the ratio of the first to the second."""

    def cost(latents: list[int]) -> float:
        positions = torch.tensor([row * 4 + latent for row, latent in enumerate(latents)])
        return float(group_norm(Code(Pattern(positions, rows=3, width=4), torch.ones(3)), members=3))

    return cost([0, 0, 0]) / cost([0, 0, 1])


def only_the_gap() -> dict[str, float]:
    """Hard. Two causes split a dictionary of one bias: directions that differ, and the gap. Set the directions' cosine
    to 1, and compare SAE-1b with SAE-2b on controlled vectors. How much of the split is left, and which cause is
    responsible? Return a dict of each arm to its mean cosine of paired codes."""
    material = controlled_material(1.0, 0, CONTROLLED_SETTING)
    arms: dict[str, PairedArm] = {name: PAIRED_ARMS[name] for name in ("SAE-1b", "SAE-2b")}
    return {name: float(pair_cosine(*fit_paired_arm(material, arm, 0, name).pair).mean()) for name, arm in arms.items()}
