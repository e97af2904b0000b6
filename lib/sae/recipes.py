"""The recipes by name."""

from __future__ import annotations

from lib.data.errors import CompanionError
from lib.sae.base import SAE
from lib.sae.batch_topk import BatchTopK
from lib.sae.config import SAEConfig
from lib.sae.jumprelu import JumpReLU
from lib.sae.matryoshka import Matryoshka
from lib.sae.relu import ReLU
from lib.sae.sae_d import SAED
from lib.sae.sae_s import SAES
from lib.sae.topk import TopK
from lib.sae.vl_sae import VLSAE
from lib.sae.vl_sae_ablations import CosineShared, DistanceL1, DistanceShared, VLSAECosine

RECIPES: dict[str, type[SAE]] = {
    "relu": ReLU,
    "topk": TopK,
    "batch_topk": BatchTopK,
    "jumprelu": JumpReLU,
    "matryoshka": Matryoshka,
}

TWO_TOWER_RECIPES: dict[str, type[SAE]] = {
    "vl_sae": VLSAE,
    "sae_s": SAES,
    "sae_d": SAED,
    "vl_sae_cosine": VLSAECosine,
    "distance_shared": DistanceShared,
    "cosine_shared": CosineShared,
    "distance_l1": DistanceL1,
}
"""Dictionaries of pairs: their input is that of `lib.sae.two_towers.side_by_side`."""


def build(config: SAEConfig, d: int) -> SAE:
    """An empty dictionary for inputs of d dimensions."""
    known = RECIPES | TWO_TOWER_RECIPES
    if config.recipe not in known:
        raise CompanionError(f"unknown recipe {config.recipe!r}; known: {', '.join(known)}")
    return known[config.recipe](config, d)
