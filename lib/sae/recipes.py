"""The recipes by name."""

from __future__ import annotations

from collections.abc import Mapping

from lib.data.errors import CompanionError
from lib.sae.base import SAE
from lib.sae.batch_topk import BatchTopK
from lib.sae.config import PairedConfig, SAEConfig
from lib.sae.gsae import GSAE
from lib.sae.iso_energy import IsoEnergy
from lib.sae.jumprelu import JumpReLU
from lib.sae.matryoshka import Matryoshka
from lib.sae.mgsae import MGSAE
from lib.sae.paired import Paired, PairedBatchTopK, PairedMatryoshka, PairedTopK
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

PAIRED_RECIPES: dict[str, type[Paired]] = {
    "paired_topk": PairedTopK,
    "paired_batch_topk": PairedBatchTopK,
    "paired_matryoshka": PairedMatryoshka,
    "gsae": GSAE,
    "mgsae": MGSAE,
    "iso_energy": IsoEnergy,
}
"""Dictionaries for all members of a pair; their configuration is a `PairedConfig`."""


def build(config: SAEConfig, d: int) -> SAE:
    """An empty dictionary for inputs of d dimensions."""
    plain = RECIPES | TWO_TOWER_RECIPES
    known: Mapping[str, type[SAE]] = PAIRED_RECIPES if isinstance(config, PairedConfig) else plain
    if config.recipe not in known:
        raise CompanionError(f"unknown recipe {config.recipe!r}; known: {', '.join(known)}")
    return known[config.recipe](config, d)
