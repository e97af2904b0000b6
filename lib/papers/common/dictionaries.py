"""Dictionaries trained on a world's training rows and measured on its unseen test rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.base.progress import progress
from lib.data.pairs import Facts
from lib.encoders.embeddings import Embeddings, Tower
from lib.metrics.fidelity import Fidelity, FidelitySums, fidelity
from lib.metrics.firing import Firing, firing
from lib.metrics.latent_facts import name_latents
from lib.metrics.top_examples import top_examples
from lib.sae.base import SAE, Dictionary, one_tower
from lib.sae.code_blocks import code_blocks
from lib.sae.codes import SparseCodes
from lib.sae.config import SAEConfig, TrainConfig, check_one_tower
from lib.sae.training.train import learning_rate, train_cached
from lib.sae.training.train_ahead import Run, train_ahead
from lib.sae.training.untrained import untrained
from lib.worlds.session import Session

L1_SWEEP = (0.15, 0.25, 0.4)
"""Weights of the L1 term; they give an L0 between 4 and 32."""

DEAD_EPOCHS = 3
"""A latent silent for this many passes over the training rows is dead."""


@dataclass(frozen=True)
class Recipe:
    """The settings of a dictionary to fit."""

    name: str
    """Name of the model in `lib.sae.recipes`."""
    expansion: int
    """Width divided by the dimension of the embedding."""
    k: int
    """Number of active latents."""
    l1: float = 0.0
    """Weight of the L1 term."""
    prefixes: tuple[int, ...] = ()
    """Sizes of the nested prefixes of Matryoshka; the paper's if empty."""
    layer: int | None = None
    """Block whose class token the dictionary reads; None for the embedding."""
    trained: bool = True
    """Whether to train it; otherwise it stays as it is initialised, as a control."""
    steps: int = 0
    """Training steps; 0 for the profile's."""
    rate: float = 1.0
    """Learning rate as a multiple of the profile's."""
    decay: float = 0.0
    """Share of the steps, at the end, over which the learning rate falls to zero."""

    def __post_init__(self) -> None:
        check_one_tower(self.name)


@dataclass(frozen=True)
class Fitted:
    """A dictionary and its measures on the image embeddings of the test split."""

    recipe: Recipe
    """The settings that were fitted."""
    seed: int
    """Seed of the training."""
    sae: SAE
    """The dictionary."""
    codes: SparseCodes
    """Codes of the test images."""
    fidelity: Fidelity
    """How well the codes reconstruct the test images."""
    firing: Firing
    """How often latents fire on the test images."""


def fit_recipe(session: Session, recipe: Recipe, seed: int) -> Fitted:
    """Train one dictionary (or take it from the cache) and measure it on the test images."""
    return measure_recipe(session, recipe, seed, train_recipe(session, recipe, seed))


def train_recipe(session: Session, recipe: Recipe, seed: int) -> SAE:
    """Train one dictionary on the training images, or take it from the cache; no test image is read."""
    run = recipe_training(session, recipe, seed)
    return one_tower(train_cached(*run, session.device).sae if recipe.trained else untrained(*run), "fit")


def train_seeds(session: Session, recipe: Recipe) -> dict[int, SAE]:
    """Train a recipe with every seed of the session, their steps together, or take the dictionaries from the cache."""
    train_ahead((recipe_training(session, recipe, seed) for seed in session.seeds), session.device)
    return {seed: train_recipe(session, recipe, seed) for seed in session.seeds}


def measure_recipe(session: Session, recipe: Recipe, seed: int, sae: SAE) -> Fitted:
    """Encode the test images with a dictionary of the recipe, and measure fidelity and firing of the codes."""
    test = session.world.activations("test", recipe.layer)
    codes = sae.codes(test)
    return Fitted(recipe, seed, sae, codes, fidelity(test.tower("image"), sae.reconstruct(codes)), firing(codes))


def measure_blocks(sae: Dictionary, embeddings: Embeddings, tower: Tower = "image") -> tuple[Fidelity, Firing]:
    """Measure fidelity and firing on the rows of a tower, in blocks, so that memory does not hold all codes at once."""
    x = embeddings.tower(tower)
    sums, fires = FidelitySums(x.shape[1]), Firing(np.zeros(sae.width, np.int64), 0)
    for rows, codes in code_blocks(sae, embeddings, tower):
        sums.update(x[rows], sae.reconstruct(codes, tower))
        fires = fires.merge(firing(codes))
    return sums.result(), fires


def recipe_training(session: Session, recipe: Recipe, seed: int) -> Run:
    """Return configuration and rows of the training of a recipe under the session's profile."""
    train = session.world.activations("train", recipe.layer)
    settings, image = session.profile.sae, train.tower("image")
    width = recipe.expansion * image.shape[1]
    config = TrainConfig(
        sae=SAEConfig(recipe.name, width, recipe.k, recipe.l1, recipe.prefixes),
        steps=recipe.steps or settings.steps,
        lr=recipe.rate * settings.rate * learning_rate(width),
        decay=recipe.decay,
        batch=settings.batch,
        dead_after=DEAD_EPOCHS * len(image),
        seed=seed,
    )
    return Run(config, train)


def fit_recipes(session: Session, recipes: Iterable[Recipe]) -> list[Fitted]:
    """Fit every recipe with every seed of the session."""
    return fit_sweeps(session, {"": recipes})[""]


def fit_sweeps(session: Session, sweeps: Mapping[str, Iterable[Recipe]]) -> dict[str, list[Fitted]]:
    """Fit every recipe of several named sweeps, as `fit_recipes` does for one."""
    runs = {name: [(recipe, seed) for recipe in sweep for seed in session.seeds] for name, sweep in sweeps.items()}
    every = [run for sweep in runs.values() for run in sweep]
    train_ahead((recipe_training(session, *run) for run in every if run[0].trained), session.device)
    bar = progress(total=len(every), desc="dictionaries")
    fitted: dict[str, list[Fitted]] = {name: [] for name in runs}
    for name, sweep in runs.items():
        for run in sweep:
            fitted[name].append(fit_recipe(session, *run))
            bar.update()
    bar.close()
    return fitted


def fidelity_table(fitted: Iterable[Fitted]) -> pd.DataFrame:
    """Make a table with one row per dictionary: its settings, its FVU, R2 and L0 on test rows, and its share of dead
    latents.
    """
    return pd.DataFrame(
        {
            "recipe": f.recipe.name,
            "expansion": f.recipe.expansion,
            "k": f.recipe.k,
            "l1": f.recipe.l1,
            "seed": f.seed,
            "fvu": f.fidelity.fvu,
            "r2": f.fidelity.r2,
            "l0": f.firing.l0,
            "dead": f.firing.dead_share,
        }
        for f in fitted
    )


def sweep_table(fitted: Mapping[str, Iterable[Fitted]]) -> pd.DataFrame:
    """Join the `fidelity_table` of several arms in one table, with the arm's name as a column."""
    return pd.concat([fidelity_table(runs).assign(arm=arm) for arm, runs in fitted.items()], ignore_index=True)


def lift_ladder(codes: SparseCodes, facts: Facts, pictures: int = 8) -> pd.DataFrame:
    """Find the strongest pictures of the latents at the best, 75th, 50th and 25th percentile of lift.

    Columns: percentile, latent, fact, lift, picture (a row number of the codes); one row per picture, strongest first.
    """
    named = name_latents(codes, facts)
    order = named.lift.argsort()
    best = top_examples(codes, pictures).rows
    parts = []
    for percentile in (100, 75, 50, 25):
        at = order[(len(order) - 1) * percentile // 100]
        about = {"percentile": percentile, "latent": named.latent[at], "fact": named.fact[at], "lift": named.lift[at]}
        parts.append(pd.DataFrame({**about, "picture": best[named.latent[at]]}))
    return pd.concat(parts, ignore_index=True)
