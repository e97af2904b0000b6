"""Paper 4: maskers of every arm with their dictionary, trained on the train split only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd
import torch

from lib.base.files import in_cache
from lib.base.progress import progress
from lib.base.workers import Workers
from lib.editing.masker import ImageSide, Masker, MaskerConfig
from lib.editing.train_masker import MASKER, SharedImages, masker_key, train_masker_cached
from lib.encoders.embeddings import Embeddings
from lib.papers.common.dictionaries import recipe_training, train_recipe
from lib.papers.p4.editing_pairs import dev_pairs, masker_pairs
from lib.papers.p4.settings import setting_of
from lib.sae.base import SAE
from lib.sae.training.train_ahead import train_ahead
from lib.worlds.session import Session


@dataclass(frozen=True)
class Editor:
    """A dictionary and a masker on top of it."""

    arm: str
    """Name of the masker's arm."""
    seed: int
    """Seed of dictionary and masker."""
    sae: SAE
    """The dictionary."""
    masker: Masker
    """The masker."""
    checks: pd.DataFrame
    """What the training saw of the dev pairs: step, loss, recall; the weights of the least loss were kept."""

    @property
    def kept(self) -> pd.Series:
        """The look at the dev pairs whose weights were kept."""
        return self.checks.loc[self.checks.loss.idxmin()]


def fit_editors(session: Session, arms: Mapping[str, MaskerConfig] | None = None) -> list[Editor]:
    """Train arms, by default all, with every seed on the same pairs; a masker and its dictionary have the same seed."""
    setting = setting_of(session)
    arms, recipe = setting.arms if arms is None else arms, setting.dictionary
    train_ahead((recipe_training(session, recipe, seed) for seed in session.seeds), session.device)
    saes = {seed: train_recipe(session, recipe, seed) for seed in session.seeds}
    return fit_maskers(session, {(arm, seed): (arms[arm], saes[seed]) for arm in arms for seed in session.seeds})


def fit_maskers(session: Session, runs: Mapping[tuple[str, int], tuple[MaskerConfig, SAE]]) -> list[Editor]:
    """Train a masker for each arm and seed, given its configuration and its dictionary.

    As many train side by side as this process may use threads: their steps are too small for more threads to help.
    Those on one dictionary with the same share of its residual train one after another, and share their pictures.
    """
    pairs, dev = masker_pairs(session), dev_pairs(session)
    tasks = [(replace(config, seed=seed), sae) for (_, seed), (config, sae) in runs.items()]
    alike: dict[tuple[int, float], list[tuple[MaskerConfig, SAE]]] = {}
    for config, sae in tasks:
        if not in_cache(MASKER, masker_key(config, sae, pairs, dev)):
            alike.setdefault((id(sae), config.rho), []).append((config, sae))
    jobs = torch.get_num_threads() if session.device == "cpu" else 1
    parts = -(-jobs // max(1, len(alike)))  # so that no job is idle
    new = [part for group in alike.values() for i in range(parts) if (part := group[i::parts])]
    new.sort(key=len, reverse=True)
    for _ in progress(Workers(jobs).each(partial(_train, pairs, dev), new), total=len(new), desc="maskers"):
        pass
    editors = []
    for (arm, seed), (config, sae) in zip(runs, tasks, strict=True):
        trained = train_masker_cached(config, sae, pairs, dev)
        editors.append(Editor(arm, seed, sae, trained.masker, trained.checks))
    return editors


def _train(pairs: Sequence[Embeddings], dev: Embeddings, tasks: Sequence[tuple[MaskerConfig, SAE]]) -> None:
    """Train maskers on one dictionary into the cache."""
    images = SharedImages(tasks[0][1], pairs, dev)
    for config, sae in tasks:
        train_masker_cached(config, sae, pairs, dev, images)


def find_editor(editors: Iterable[Editor], arm: str, seed: int) -> Editor:
    """Find the editor of an arm and a seed."""
    return next(e for e in editors if (e.arm, e.seed) == (arm, seed))


def image_side(editor: Editor, embeddings: Embeddings) -> ImageSide:
    """Encode pictures as the editor's scores need them, in float64."""
    return ImageSide.of(editor.sae, embeddings, editor.masker.config.rho, dtype=torch.float64)
