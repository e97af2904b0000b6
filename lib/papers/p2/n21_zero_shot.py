"""Paper 2: does the agreement of codes help zero-shot classification?

Source: Shen et al. 2025, arXiv 2510.21323, Eq. 10: y = cos(x_v, x_l) + alpha cos(h_v, h_l). The paper chooses alpha for
each data set by the accuracy that it reports; here it is fixed, or chosen on dev pictures. The paper does not say
whether h are latents or the decoders' outputs, so both are tried.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from lib.base.progress import progress
from lib.data.scenes.scene_grammar import FACTORS, SILENT, VALUES
from lib.encoders.class_texts import class_texts
from lib.encoders.embeddings import Embeddings, Tower
from lib.metrics.rows import unit_rows
from lib.metrics.zero_shot import classify
from lib.papers.p2.two_tower_dictionaries import UNTRAINED, VL_SAE, fit_two_tower_arm
from lib.sae.models.two_towers import TwoTowers
from lib.worlds.session import Session

Source = Literal["latents", "decoders"]

ALPHAS = tuple(round(0.1 * step, 1) for step in range(11))
"""Weights of the codes: the paper's, and 0 for the model alone."""

FIXED_ALPHA = 0.1
"""The alpha of the paper's task-agnostic control (its table A15)."""

CEILING = 0.96
"""Accuracy of the model alone on dev pictures above which a task has too little to gain."""


@dataclass(frozen=True)
class Task:
    """The task to say which of the values of a factor a picture has."""

    factor: str
    """A factor of `scene_grammar`."""
    templates: tuple[str, ...]
    """The prompts, whose embeddings are averaged, as CLIP does."""
    split: str = "test"
    """The pictures of the result; weights are chosen on dev pictures."""


_THING = ("an object {}", "a thing {}")

TASKS: dict[str, Task] = {
    "kind, new combinations": Task("kind", ("a {}", "a picture of a {}", "there is a {}"), "novel"),
    "texture": Task("texture", ("a {} object", "a picture of a {} object", "there is a {} thing")),
    "turn": Task("turn", _THING),
    "across": Task("across", _THING),
    "down": Task("down", _THING),
    "second kind": Task("other kind", ("an object with a {}", "an object next to a {}", "a thing together with a {}")),
    "second colour": Task("other colour", ("an object with a {} object", "an object next to a {} thing")),
    "count": Task("count", ("{} objects in all", "a picture of {} objects in all")),
}
"""Tasks that leave something to gain: below CEILING, and no value that most pictures have (as *medium* in size).
Colours and patterns of the ground, and kind and colour of the main object in combinations seen in training, are solved.
"""


@dataclass(frozen=True)
class Scored:
    """Zero-shot classification of every task with every seed, source and alpha."""

    table: pd.DataFrame
    """One row per task, seed, source and alpha: accuracies on dev and on result pictures."""
    gains: dict[tuple[str, int, str, float], np.ndarray]
    """Task, seed, source and alpha to (n,) what each result picture adds to the gain in accuracy over alpha 0: -1, 0 or
    1 for a picture that has the factor, times n over their number, so that the mean is the gain."""
    oracle: np.ndarray
    """(n,) gain of codes that hold a picture's true values, with FIXED_ALPHA, mean over tasks."""
    untrained: np.ndarray
    """(seeds, n) gain of the latents of untrained dictionaries, with FIXED_ALPHA, mean over tasks."""


@dataclass(frozen=True)
class _Pictures:
    """Pictures of a task with their right classes, without those that lack the factor."""

    rows: Embeddings
    known: np.ndarray
    labels: np.ndarray


def score_alphas(session: Session) -> Scored:
    """Score all tasks, seeds, sources and alphas on dev and on result pictures, and both controls."""
    # Everything that a world may lack comes first, before anything is trained.
    pictures = {name: {s: _pictures(session, task, s) for s in ("dev", task.split)} for name, task in TASKS.items()}
    classes = {name: class_embeddings(session, task) for name, task in TASKS.items()}
    rows, gains, untrained = [], {}, []
    for seed in progress(session.seeds, desc="zero-shot"):
        fitted, start = (fit_two_tower_arm(session, arm, seed).sae for arm in (VL_SAE, UNTRAINED))
        without = []
        for name, task in TASKS.items():
            for source in ("latents", "decoders"):
                found = {s: _hits(fitted, p, classes[name], source, ALPHAS) for s, p in pictures[name].items()}
                for alpha in ALPHAS:
                    gains[name, seed, source, alpha] = _gain(pictures[name][task.split], found[task.split], alpha)
                    accuracy = {"dev": found["dev"][alpha].mean(), "test": found[task.split][alpha].mean()}
                    rows.append({"task": name, "seed": seed, "source": source, "alpha": alpha, **accuracy})
            mine = pictures[name][task.split]
            without.append(_gain(mine, _hits(start, mine, classes[name], "latents", (0.0, FIXED_ALPHA)), FIXED_ALPHA))
        untrained.append(np.mean(without, axis=0))
    oracle = [_oracle_gain(session, task, pictures[name][task.split], classes[name]) for name, task in TASKS.items()]
    return Scored(pd.DataFrame(rows), gains, np.mean(oracle, axis=0), np.stack(untrained))


def class_embeddings(session: Session, task: Task) -> Embeddings:
    """Embed the classes of a task: one row per class, the mean over its templates, of unit norm."""
    names = VALUES[FACTORS.index(task.factor)]
    rows = class_texts(session.world.encoder, names, task.templates)
    return Embeddings(np.array(names), None, rows, "classes", True, {"classes": task.factor})


def _pictures(session: Session, task: Task, split: str) -> _Pictures:
    labels = session.world.scene_truth(split).scenes[:, FACTORS.index(task.factor)].astype(np.int64)
    return _Pictures(session.world.embeddings(split), labels != SILENT, labels)


def _hits(
    sae: TwoTowers, pictures: _Pictures, classes: Embeddings, source: Source, alphas: Iterable[float]
) -> dict[float, np.ndarray]:
    """For each alpha the hits, bool, on the pictures that have the factor."""
    h_v, h_l = _codes(sae, pictures.rows, "image", source), _codes(sae, classes, "text", source)
    return _classify(pictures, classes, h_v @ h_l.T, alphas)


def _codes(sae: TwoTowers, rows: Embeddings, tower: Tower, source: Source) -> np.ndarray:
    codes = sae.codes(rows, tower)
    return unit_rows("codes", codes.csr().toarray() if source == "latents" else sae.reconstruct(codes, tower))


def _classify(
    pictures: _Pictures, classes: Embeddings, agreement: np.ndarray, alphas: Iterable[float]
) -> dict[float, np.ndarray]:
    """Compute for each alpha the hits by Eq. 10, with the agreement (n, classes) of the codes."""
    x, y = unit_rows("pictures", pictures.rows.tower("image")), unit_rows("classes", classes.tower("text"))
    known, shape = pictures.known, (int(pictures.known.sum()), len(classes))
    alone = x @ y.T
    return {
        alpha: classify([(alone + alpha * agreement)[known]], pictures.labels[known], shape).hits for alpha in alphas
    }


def _gain(pictures: _Pictures, hits: dict[float, np.ndarray], alpha: float) -> np.ndarray:
    gains = np.zeros(len(pictures.known))
    gains[pictures.known] = hits[alpha].astype(np.float64) - hits[0.0]
    return gains * len(gains) / pictures.known.sum()


def _oracle_gain(session: Session, task: Task, pictures: _Pictures, classes: Embeddings) -> np.ndarray:
    """Codes with a latent for each value of each factor, active where the picture has the value."""
    truth = session.world.scene_truth(task.split).scenes
    has = truth[:, FACTORS.index(task.factor), None] == np.arange(len(classes))
    active = (truth != SILENT).sum(axis=1, keepdims=True)
    hits = _classify(pictures, classes, has / np.sqrt(active), (0.0, FIXED_ALPHA))
    return _gain(pictures, hits, FIXED_ALPHA)


def choose_alphas(table: pd.DataFrame) -> pd.DataFrame:
    """Test accuracy of the model alone (base) and of every way to choose alpha, one row per task, seed and source.

    fixed: FIXED_ALPHA. on dev: the best alpha on dev pictures, the smallest of equals. on test: the best one on the
    test pictures themselves, as in the paper, whose accuracy cannot fall below the model's. alpha_dev, alpha_test: the
    chosen values.
    """
    rows = []
    for (task, seed, source), group in table.groupby(["task", "seed", "source"], sort=False):
        group = group.sort_values("alpha").set_index("alpha")
        dev, test = group.dev.idxmax(), group.test.idxmax()
        accuracy = {"base": group.test[0.0], "fixed": group.test[FIXED_ALPHA], "on dev": group.test[dev]}
        accuracy |= {"on test": group.test[test], "alpha_dev": dev, "alpha_test": test}
        rows.append({"task": task, "seed": seed, "source": source, **accuracy})
    return pd.DataFrame(rows)
