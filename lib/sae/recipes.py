"""The register of recipes, which finds every dictionary by name."""

from __future__ import annotations

from lib.base.errors import CompanionError
from lib.sae.base import Dictionary, Kind
from lib.sae.config import PairedConfig, SAEConfig, TwoTowerConfig
from lib.sae.models.batch_topk import BatchTopK
from lib.sae.models.gsae import GSAE
from lib.sae.models.iso_energy import IsoEnergy
from lib.sae.models.jumprelu import JumpReLU
from lib.sae.models.matryoshka import Matryoshka
from lib.sae.models.mgsae import MGSAE
from lib.sae.models.paired import PairedBatchTopK, PairedMatryoshka, PairedTopK
from lib.sae.models.relu import ReLU
from lib.sae.models.sae_d import SAED
from lib.sae.models.sae_s import SAES
from lib.sae.models.topk import TopK
from lib.sae.models.vl_sae import VLSAE
from lib.sae.models.vl_sae_ablations import CosineShared, DistanceL1, DistanceShared, VLSAECosine

RECIPES: dict[str, type[Dictionary]] = {
    "relu": ReLU,
    "topk": TopK,
    "batch_topk": BatchTopK,
    "jumprelu": JumpReLU,
    "matryoshka": Matryoshka,
    "vl_sae": VLSAE,
    "sae_s": SAES,
    "sae_d": SAED,
    "vl_sae_cosine": VLSAECosine,
    "distance_shared": DistanceShared,
    "cosine_shared": CosineShared,
    "distance_l1": DistanceL1,
    "paired_topk": PairedTopK,
    "paired_batch_topk": PairedBatchTopK,
    "paired_matryoshka": PairedMatryoshka,
    "gsae": GSAE,
    "mgsae": MGSAE,
    "iso_energy": IsoEnergy,
}
"""The class of each recipe; its `kind` says which rows it encodes."""


def recipes_of(*kinds: Kind) -> list[str]:
    """List the names of the recipes of some kinds."""
    return [name for name, recipe in RECIPES.items() if recipe.kind in kinds]


def recipe_of(config: SAEConfig) -> type[Dictionary]:
    """Return the class that a configuration asks for; refuse an unknown recipe, or one of another kind, by name."""
    kinds: dict[type, Kind] = {SAEConfig: "one-tower", TwoTowerConfig: "two-tower", PairedConfig: "paired"}
    known = recipes_of(kinds[type(config)])
    if config.recipe not in known:
        kind = f"{RECIPES[config.recipe].kind} recipe" if config.recipe in RECIPES else "unknown recipe"
        raise CompanionError(f"{kind} {config.recipe!r} in a {type(config).__name__}, which takes: {', '.join(known)}")
    return RECIPES[config.recipe]


def build(config: SAEConfig, d: int) -> Dictionary:
    """Make an empty dictionary for rows of d dimensions."""
    return recipe_of(config)(config, d)
