"""The recipes by name."""

from __future__ import annotations

from lib.data.errors import CompanionError
from lib.sae.base import SAE
from lib.sae.batch_topk import BatchTopK
from lib.sae.config import SAEConfig
from lib.sae.jumprelu import JumpReLU
from lib.sae.matryoshka import Matryoshka
from lib.sae.relu import ReLU
from lib.sae.topk import TopK

RECIPES: dict[str, type[SAE]] = {
    "relu": ReLU,
    "topk": TopK,
    "batch_topk": BatchTopK,
    "jumprelu": JumpReLU,
    "matryoshka": Matryoshka,
}


def build(config: SAEConfig, d: int) -> SAE:
    """An empty dictionary for inputs of d dimensions."""
    if config.recipe not in RECIPES:
        raise CompanionError(f"unknown recipe {config.recipe!r}; known: {', '.join(RECIPES)}")
    return RECIPES[config.recipe](config, d)
