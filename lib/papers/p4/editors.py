"""Paper 4: maskers of every arm with their dictionary, trained on the train split only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd
import torch

from lib.base.files import digest, in_cache
from lib.editing.masker import ImageSide, Masker, MaskerConfig
from lib.editing.stacked_maskers import make_steps
from lib.editing.train_masker import MASKER, SharedImages, masker_key, train_masker_cached
from lib.encoders.embeddings import Embeddings
from lib.papers.common.dictionaries import train_seeds
from lib.papers.p4.editing_pairs import dev_pairs, masker_pairs
from lib.papers.p4.settings import setting_of
from lib.sae.base import SAE
from lib.worlds.session import Session

Runs = Mapping[tuple[str, int], tuple[MaskerConfig, SAE]]
"""Configuration and dictionary of the masker of each arm and seed."""


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
    return fit_maskers(session, editor_runs(session, setting_of(session).arms if arms is None else arms))


def editor_runs(session: Session, arms: Mapping[str, MaskerConfig]) -> Runs:
    """The arms with every seed, each on the dictionary of its seed, which is trained here."""
    saes = train_seeds(session, setting_of(session).dictionary)
    return {(arm, seed): (arms[arm], saes[seed]) for arm in arms for seed in session.seeds}


def fit_maskers(session: Session, runs: Runs) -> list[Editor]:
    """Train a masker for each arm and seed, given its configuration and its dictionary."""
    return fit_worlds([(session, runs)])[0]


def fit_worlds(worlds: Sequence[tuple[Session, Runs]]) -> list[list[Editor]]:
    """Train maskers as `fit_maskers` does, in several worlds at once, and return those of each."""
    data = [(masker_pairs(session), dev_pairs(session)) for session, _ in worlds]
    begun: set[str] = set()
    tasks = [task for (_, runs), known in zip(worlds, data, strict=True) for task in _tasks(runs, *known, begun)]
    workers = worlds[0][0].workers
    jobs = workers.jobs
    # Each job gets a share of the arms of a task, so that none is idle; only within a share are pictures encoded once.
    shares = [replace(task, arms=arms) for task in tasks for i in range(jobs) if (arms := task.arms[i::jobs])]
    shares.sort(key=lambda task: task.steps, reverse=True)
    workers.all(_train, shares, "maskers")
    return [_trained(runs, *known) for (_, runs), known in zip(worlds, data, strict=True)]


@dataclass(frozen=True)
class _Task:
    """Maskers that one process trains: arm by arm, and the seeds of an arm together, on the same dictionaries."""

    pairs: Sequence[Embeddings]
    dev: Embeddings
    arms: Sequence[Sequence[tuple[MaskerConfig, SAE]]]

    @property
    def steps(self) -> int:
        return sum(config.steps for arm in self.arms for config, _ in arm)


def _tasks(runs: Runs, pairs: Sequence[Embeddings], dev: Embeddings, begun: set[str]) -> list[_Task]:
    """Collect what the cache lacks: one task for all arms with the same dictionaries and share of their residual.

    begun: the trainings that other tasks have, so that none is in two of them; those of these tasks are added.
    """
    arms: dict[str, list[tuple[MaskerConfig, SAE]]] = {}
    for (arm, seed), (config, sae) in runs.items():
        config = replace(config, seed=seed)
        key = masker_key(config, sae, pairs, dev)
        if digest(key) not in begun and not in_cache(MASKER, key):
            begun.add(digest(key))
            arms.setdefault(arm, []).append((config, sae))
    alike: dict[tuple[float, ...], list[list[tuple[MaskerConfig, SAE]]]] = {}
    for seeds in arms.values():
        alike.setdefault((seeds[0][0].rho, *(id(sae) for _, sae in seeds)), []).append(seeds)
    return [_Task(pairs, dev, together) for together in alike.values()]


def _train(task: _Task) -> None:
    """Train the maskers of a task into the cache; arms share the pictures of each dictionary."""
    shared = {id(sae): SharedImages(sae, task.pairs, task.dev) for arm in task.arms for _, sae in arm}
    for arm in task.arms:
        make_steps(arm, task.pairs, task.dev, [shared[id(sae)] for _, sae in arm])
        for config, sae in arm:
            train_masker_cached(config, sae, task.pairs, task.dev, shared[id(sae)])


def _trained(runs: Runs, pairs: Sequence[Embeddings], dev: Embeddings) -> list[Editor]:
    editors = []
    for (arm, seed), (config, sae) in runs.items():
        trained = train_masker_cached(replace(config, seed=seed), sae, pairs, dev)
        editors.append(Editor(arm, seed, sae, trained.masker, trained.checks))
    return editors


def find_editor(editors: Iterable[Editor], arm: str, seed: int) -> Editor:
    """Find the editor of an arm and a seed."""
    return next(e for e in editors if (e.arm, e.seed) == (arm, seed))


def image_side(editor: Editor, embeddings: Embeddings) -> ImageSide:
    """Encode pictures as the editor's scores need them, in float64."""
    return ImageSide.of(editor.sae, embeddings, editor.masker.config.rho, dtype=torch.float64)
