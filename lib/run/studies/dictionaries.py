"""Dictionaries trained on a world's training rows and measured on its unseen test rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from lib.data.pairs import Facts
from lib.data.progress import progress
from lib.metrics.fidelity import Fidelity, fidelity
from lib.metrics.firing import Firing, firing
from lib.metrics.top_examples import top_examples
from lib.run.start import Session
from lib.run.studies.latents import name_latents
from lib.sae.base import SAE
from lib.sae.codes import SparseCodes
from lib.sae.config import SAEConfig, TrainConfig
from lib.sae.train import learning_rate, train_cached
from lib.sae.train_ahead import Run, train_ahead
from lib.sae.untrained import untrained

L1_SWEEP = (0.15, 0.25, 0.4)
"""Weights of the L1 term that give an L0 between 4 and 32."""

DEAD_EPOCHS = 3
"""A latent silent for this many passes over the training rows is dead."""


@dataclass(frozen=True)
class Recipe:
    """Which dictionary to fit: `name` in `lib.sae.recipes`, width over the embedding's, active latents, L1 weight,
    sizes of the nested prefixes (Matryoshka; the paper's if empty), the block whose class token it reads (None: it
    reads the embedding), and its steps (0: the profile's)."""

    name: str
    expansion: int
    k: int
    l1: float = 0.0
    prefixes: tuple[int, ...] = ()
    layer: int | None = None
    trained: bool = True
    steps: int = 0


@dataclass(frozen=True)
class Fitted:
    """A dictionary with its codes of the image embeddings of the test split, and what they keep and fire."""

    recipe: Recipe
    seed: int
    sae: SAE
    codes: SparseCodes
    fidelity: Fidelity
    firing: Firing


def fit(session: Session, recipe: Recipe, seed: int) -> Fitted:
    """Train (or take from the cache) one dictionary on the training images and encode the test images."""
    run = training_run(session, recipe, seed)
    sae = train_cached(*run, session.device).sae if recipe.trained else untrained(run.config, run.embeddings)
    test = session.world.activations("test", recipe.layer)
    codes = sae.codes(test)
    return Fitted(recipe, seed, sae, codes, fidelity(test.tower("image"), sae.reconstruct(codes)), firing(codes))


def training_run(session: Session, recipe: Recipe, seed: int) -> Run:
    """The training of a recipe under the session's profile."""
    train = session.world.activations("train", recipe.layer)
    settings, image = session.profile.sae, train.tower("image")
    width = recipe.expansion * image.shape[1]
    config = TrainConfig(
        sae=SAEConfig(recipe.name, width, recipe.k, recipe.l1, recipe.prefixes),
        steps=recipe.steps or settings.steps,
        lr=settings.rate * learning_rate(width),
        batch=settings.batch,
        dead_after=DEAD_EPOCHS * len(image),
        seed=seed,
    )
    return Run(config, train)


def fit_all(session: Session, recipes: Iterable[Recipe]) -> list[Fitted]:
    """Every recipe with every seed of the session."""
    return fit_sweeps(session, {"": recipes})[""]


def fit_sweeps(session: Session, sweeps: Mapping[str, Iterable[Recipe]]) -> dict[str, list[Fitted]]:
    """`fit_all` of each named sweep."""
    runs = {name: [(recipe, seed) for recipe in sweep for seed in session.seeds] for name, sweep in sweeps.items()}
    every = [run for sweep in runs.values() for run in sweep]
    train_ahead((training_run(session, *run) for run in every if run[0].trained), session.device)
    bar = progress(total=len(every), desc="dictionaries")
    fitted: dict[str, list[Fitted]] = {name: [] for name in runs}
    for name, sweep in runs.items():
        for run in sweep:
            fitted[name].append(fit(session, *run))
            bar.update()
    bar.close()
    return fitted


def fidelity_table(fitted: Iterable[Fitted]) -> pd.DataFrame:
    """One row a dictionary: what it is, its FVU, R2 and L0 on test rows, and the share of latents dead there."""
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
    """`fidelity_table` of several arms, with the arm's name in front."""
    return pd.concat([fidelity_table(runs).assign(arm=arm) for arm, runs in fitted.items()], ignore_index=True)


def lift_ladder(codes: SparseCodes, facts: Facts, pictures: int = 8) -> pd.DataFrame:
    """The strongest pictures of the latents at the best, 75th, 50th and 25th percentile of lift.

    Columns: percentile, latent, fact, lift, picture (a row number of the codes); one row a picture, strongest first.
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
