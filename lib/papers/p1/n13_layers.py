"""Paper 1: do dictionaries of later blocks score higher?

Source: Pach et al., arXiv 2504.02821, tables 1a and A2: class tokens after blocks 11, 17, 22 and 23 of CLIP ViT-L, and
the projected embedding. Here it is every block of the small tower. An untrained dictionary of the same sparsity shows
how much of a rise is due to the block's own geometry, and linear probes of the ground truth show what a block contains.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import scipy.sparse as sp

from lib.base.progress import progress
from lib.encoders.embeddings import Embeddings
from lib.encoders.hooks import find_blocks
from lib.metrics.monosemanticity import monosemanticity
from lib.papers.common.dictionaries import Recipe, fit_recipe, recipe_training
from lib.sae.codes import SparseCodes
from lib.sae.training.train_ahead import train_ahead
from lib.worlds.session import Session

LAYER_EXPANSION, LAYER_STEPS, LAYER_PICTURES = 1, 200, 6000
"""Width divided by the block's, steps of every dictionary, and training pictures at most.

The paper's layers are alike at every width, so the smallest one is enough. Steps and pictures are fewer than the
profile's, since every block is trained with every seed, and the inner blocks are computed for this alone.
"""

LAYER_ARMS = ("matryoshka", "untrained", "raw", "probes")

RIDGE = 1e-3
"""Penalty of the probes, as a share of the mean variance of a coordinate."""


def layer_table(session: Session, judge: str) -> pd.DataFrame:
    """One row per place, arm and seed: mean, best and chance-corrected mean MS, share of live latents, R2.

    place: block number from 0, or the number of blocks for the embedding. arm: matryoshka, untrained, raw (the class
    token itself) or probes (of `probe_codes`); the last two have no seed and are repeated for every one.
    """
    session = _with_fewer_pictures(session)
    matrix = session.world.judge("test", judge).tower("image")
    blocks = len(find_blocks(session.world.encoder).modules)
    layers = [*range(blocks), None]
    trained = [_recipe(session, layer) for layer in layers]
    train_ahead(
        (recipe_training(session, recipe, seed) for recipe in trained for seed in session.seeds), session.device
    )
    runs = [(place, arm, seed) for place in range(blocks + 1) for arm in LAYER_ARMS for seed in session.seeds]
    rows = []
    for place, arm, seed in progress(runs, desc="layers"):
        layer = layers[place]
        about = {"place": place, "arm": arm, "seed": seed}
        activations: np.ndarray | SparseCodes
        test = session.world.activations("test", layer)
        if arm == "raw":
            activations, r2 = test.tower("image"), np.nan
        elif arm == "probes":
            truth = session.world.facts("train").truth
            activations, r2 = probe_codes(session.world.activations("train", layer), truth, test), np.nan
        else:
            fitted = fit_recipe(session, replace(trained[place], trained=arm != "untrained"), seed)
            activations, r2 = fitted.codes, fitted.fidelity.r2
        scores = monosemanticity(activations, matrix)
        corrected = float(scores.corrected[scores.live].mean())
        rows.append(about | scores.summary() | {"corrected": corrected, "r2": r2})
    return pd.DataFrame(rows)


def _recipe(session: Session, layer: int | None) -> Recipe:
    return Recipe("matryoshka", LAYER_EXPANSION, session.profile.sae.k, layer=layer, steps=LAYER_STEPS)


def probe_codes(train: Embeddings, truth: np.ndarray, test: Embeddings) -> SparseCodes:
    """Make codes of one linear probe for each fact: 1 on the test images of which it is surest, else 0.

    The probes are ridge regressions from the training rows to the facts, truth (n, facts). Each is active on the share
    of the test images that its fact has of the training images, so that no score depends on a threshold.
    """
    x, y = train.tower("image").astype(np.float64), truth.astype(np.float64)
    mean, share = x.mean(axis=0), y.mean(axis=0)
    gram = (x - mean).T @ (x - mean)
    gram += RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    said = (test.tower("image") - mean) @ np.linalg.solve(gram, (x - mean).T @ (y - share))
    ranks = (-said).argsort(axis=0).argsort(axis=0)
    return SparseCodes.from_matrix(test.ids, sp.csr_array((ranks < share * len(said)).astype(np.float64)))


def _with_fewer_pictures(session: Session) -> Session:
    splits = session.profile.splits
    fewer = splits.model_copy(update={"train": min(LAYER_PICTURES, splits.train)})
    return replace(session, profile=session.profile.model_copy(update={"splits": fewer}))


def layer_curves(table: pd.DataFrame, arm: str, column: str) -> np.ndarray:
    """(seeds, places) a column of `layer_table` for an arm."""
    return table[table.arm == arm].pivot(index="seed", columns="place", values=column).to_numpy()
