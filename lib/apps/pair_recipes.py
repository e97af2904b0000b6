"""Dictionaries of pairs for the command line: the recipes of papers 2 and 3, with any width and number of latents."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lib.papers.common.setting import Setting
from lib.papers.p2.two_tower_dictionaries import TwoTowerArm, two_tower_training
from lib.papers.p3.pair_dictionaries import MORE_PAIRED_ARMS, PAIRED_ARMS, Material, paired_trainings, world_setting
from lib.sae.models.two_towers import TOWERS
from lib.sae.recipes import RECIPES
from lib.sae.training.train_ahead import Run
from lib.worlds.session import Session

_ARMS = {arm.recipe: arm for arm in (PAIRED_ARMS | MORE_PAIRED_ARMS).values()}
"""Paper 3's training of each recipe; where there are two, the one with a bias for each modality."""


@dataclass(frozen=True)
class PairRecipe:
    """The settings of a dictionary of pairs to train."""

    name: str
    """Name of a two-tower or paired model in `lib.sae.recipes`."""
    expansion: int
    """Width divided by the dimension of the embedding."""
    k: int
    """Number of active latents; "distance_l1" selects none, as its paper does."""


def pair_training(session: Session, recipe: PairRecipe, seed: int) -> Run:
    """Return configuration and rows of a training on pairs, as notebooks 20 and 31 train the recipe, in another size.

    The profile's `pairs`, if it has any, sets steps and batch.
    """
    train = session.world.embeddings("train")
    width = recipe.expansion * train.tower("text").shape[1]
    if RECIPES[recipe.name].kind == "two-tower":
        run = two_tower_training(session, TwoTowerArm(recipe.name, recipe.name), seed)
        sae = replace(run.config.sae, width=width, k=width if recipe.name == "distance_l1" else recipe.k)
        return run._replace(config=replace(run.config, sae=sae))
    setting: Setting = replace(world_setting(session), width=width, k=recipe.k)
    (run,) = paired_trainings(Material(train, train, TOWERS, setting), _ARMS[recipe.name], seed)
    return run
