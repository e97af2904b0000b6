"""The recipes by name."""

from __future__ import annotations

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
from lib.sae.topk import TopK

RECIPES: dict[str, type[SAE]] = {
    "relu": ReLU,
    "topk": TopK,
    "batch_topk": BatchTopK,
    "jumprelu": JumpReLU,
    "matryoshka": Matryoshka,
    "paired_topk": PairedTopK,
    "paired_batch_topk": PairedBatchTopK,
    "paired_matryoshka": PairedMatryoshka,
    "gsae": GSAE,
    "mgsae": MGSAE,
    "iso_energy": IsoEnergy,
}


def build(config: SAEConfig, d: int) -> SAE:
    """An empty dictionary for inputs of d dimensions."""
    if config.recipe not in RECIPES:
        raise CompanionError(f"unknown recipe {config.recipe!r}; known: {', '.join(RECIPES)}")
    kind = RECIPES[config.recipe]
    if issubclass(kind, Paired) != isinstance(config, PairedConfig):
        wanted = "PairedConfig" if issubclass(kind, Paired) else "SAEConfig"
        raise CompanionError(f"recipe {config.recipe} got a {type(config).__name__}; give a {wanted}")
    return kind(config, d)
