"""Paper 2: does the agreement of codes help zero-shot classification?

Source: Shen et al. 2025, arXiv 2510.21323, Eq. 10: y = cos(x_v, x_l) + alpha cos(h_v, h_l). The paper chooses alpha for
each data set by the accuracy that it reports; here it is fixed, or chosen on dev pictures. The paper does not say
whether h are latents or the decoders' outputs, so both are tried.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from lib.base.progress import progress
from lib.encoders.embeddings import Embeddings, Tower
from lib.metrics.rows import unit_rows
from lib.metrics.zero_shot import classify
from lib.papers.p2.n21_tasks import Pictures, Task
from lib.papers.p2.two_tower_dictionaries import UNTRAINED, VL_SAE, fit_two_tower_arm
from lib.sae.models.two_towers import TwoTowers
from lib.worlds.session import Session

Source = Literal["latents", "decoders"]

ALPHAS = tuple(round(0.1 * step, 1) for step in range(11))
"""Weights of the codes: the paper's, and 0 for the model alone."""

FIXED_ALPHA = 0.1
"""The alpha of the paper's task-agnostic control (its table A15)."""


@dataclass(frozen=True)
class Scored:
    """Zero-shot classification of every task with every seed, source and alpha."""

    table: pd.DataFrame
    """One row per task, seed, source and alpha: accuracies on dev and on result pictures."""
    gains: dict[tuple[str, int, str, float], np.ndarray]
    """Task, seed, source and alpha to (n,) what each result picture adds to the gain in accuracy over alpha 0: -1, 0 or
    1 for a picture that the task asks about, times n over their number, so that the mean is the gain."""
    oracle: np.ndarray
    """(n,) gain of codes that hold a picture's true values, with FIXED_ALPHA, mean over tasks."""
    untrained: np.ndarray
    """(seeds, n) gain of the latents of untrained dictionaries, with FIXED_ALPHA, mean over tasks."""


def score_alphas(session: Session, tasks: Mapping[str, Task]) -> Scored:
    """Score all `zero_shot_tasks` with all seeds, sources and alphas on dev and on test pictures, and both controls."""
    rows, gains, untrained = [], {}, []
    for seed in progress(session.seeds, desc="zero-shot"):
        fitted, start = (fit_two_tower_arm(session, arm, seed).sae for arm in (VL_SAE, UNTRAINED))
        without = []
        for name, task in tasks.items():
            for source in ("latents", "decoders"):
                dev, test = (_hits(fitted, split, task.classes, source, ALPHAS) for split in (task.dev, task.test))
                for alpha in ALPHAS:
                    gains[name, seed, source, alpha] = _gain(task.test, test, alpha)
                    accuracy = {"dev": dev[alpha].mean(), "test": test[alpha].mean()}
                    rows.append({"task": name, "seed": seed, "source": source, "alpha": alpha, **accuracy})
            hits = _hits(start, task.test, task.classes, "latents", (0.0, FIXED_ALPHA))
            without.append(_gain(task.test, hits, FIXED_ALPHA))
        untrained.append(np.mean(without, axis=0))
    oracle = np.mean([_oracle_gain(task) for task in tasks.values()], axis=0)
    return Scored(pd.DataFrame(rows), gains, oracle, np.stack(untrained))


def _hits(
    sae: TwoTowers, pictures: Pictures, classes: Embeddings, source: Source, alphas: Iterable[float]
) -> dict[float, np.ndarray]:
    """For each alpha the hits, bool, on the pictures that the task asks about."""
    h_v, h_l = _codes(sae, pictures.rows, "image", source), _codes(sae, classes, "text", source)
    return _classify(pictures, classes, h_v @ h_l.T, alphas)


def _codes(sae: TwoTowers, rows: Embeddings, tower: Tower, source: Source) -> np.ndarray:
    codes = sae.codes(rows, tower)
    return unit_rows("codes", codes.csr().toarray() if source == "latents" else sae.reconstruct(codes, tower))


def _classify(
    pictures: Pictures, classes: Embeddings, agreement: np.ndarray, alphas: Iterable[float]
) -> dict[float, np.ndarray]:
    """Compute for each alpha the hits by Eq. 10, with the agreement (n, classes) of the codes."""
    x, y = unit_rows("pictures", pictures.rows.tower("image")), unit_rows("classes", classes.tower("text"))
    known, shape = pictures.known, (int(pictures.known.sum()), len(classes))
    alone = x @ y.T
    return {
        alpha: classify([(alone + alpha * agreement)[known]], pictures.labels[known], shape).hits for alpha in alphas
    }


def _gain(pictures: Pictures, hits: dict[float, np.ndarray], alpha: float) -> np.ndarray:
    gains = np.zeros(len(pictures.known))
    gains[pictures.known] = hits[alpha].astype(np.float64) - hits[0.0]
    return gains * len(gains) / pictures.known.sum()


def _oracle_gain(task: Task) -> np.ndarray:
    """Gain of codes with a latent for every true value, that of the class among them, active where it holds."""
    pictures = task.test
    has = pictures.labels[:, None] == np.arange(len(task.classes))
    hits = _classify(pictures, task.classes, has / np.sqrt(pictures.active)[:, None], (0.0, FIXED_ALPHA))
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
