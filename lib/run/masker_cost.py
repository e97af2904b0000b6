"""The seconds, memory and disk that maskers take, from one step of each kind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from lib.editing.masker import MaskerConfig
from lib.editing.train_masker import MaskerRun, SharedImages
from lib.papers.common.dictionaries import Recipe, recipe_training
from lib.run.costs import Cost, random_rows, timed, total
from lib.sae.base import SAE
from lib.sae.config import TrainConfig
from lib.sae.training.train import TrainingRun
from lib.worlds.session import Session


def masker_cost(maskers: Iterable[tuple[MaskerConfig, Recipe]], session: Session) -> Cost:
    """Cost of all maskers one after the other; the pictures' codes take the memory, once for each dictionary."""
    costs = [Cost(0.0, 0.0, 0.0)]
    for config, recipe in maskers:
        run, pairs = recipe_training(session, recipe, 0), session.profile.splits.train
        alike = replace(config, seed=0, steps=1000, batch=min(config.batch, pairs))
        d = run.embeddings.tower("image").shape[1]
        step, per_picture, weights = masker_step(alike, run.config, d, session.device)
        costs.append(Cost(config.steps * step, pairs * per_picture, weights))
    return total(costs)


@cache
def masker_step(config: MaskerConfig, dictionary: TrainConfig, d: int, device: str) -> tuple[float, float, float]:
    """Seconds of one step of a masker on an untrained dictionary, bytes of each picture's code, and of the weights."""
    rows = random_rows(max(2, config.batch), d)
    sae = TrainingRun(dictionary, rows, "image", device).sae
    assert isinstance(sae, SAE)
    run = MaskerRun(config, sae, [rows], None, SharedImages(sae, rows))
    edited = run.images.edited
    code = sum(part.nbytes for part in (edited.slots, edited.values, edited.factor)) / len(rows)
    weights = sum(parameter.nbytes for parameter in run.masker.parameters())
    return timed(run.advance, device), code, weights
