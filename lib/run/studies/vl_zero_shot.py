"""Paper 2, claim C11: does the agreement of codes help zero-shot classification?

Shen et al. 2025, arXiv 2510.21323, Eq. 10: y = cos(x_v, x_l) + alpha cos(h_v, h_l). The paper chooses alpha for each
data set by the accuracy that it reports; here it is fixed, or chosen on dev pictures. Whether h are latents or the
decoders' outputs is not said there; both are tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from lib.data.progress import progress
from lib.data.scenes.grammar import FACTORS, SILENT, VALUES
from lib.encoders.class_texts import class_texts
from lib.encoders.embeddings import Embeddings
from lib.metrics.intervals import Interval, paired_difference
from lib.metrics.rows import unit_rows
from lib.metrics.zero_shot import zero_shot
from lib.report.claims import Claim, claim_over_seeds
from lib.report.verdicts import above, combine, verdict
from lib.run.start import Session
from lib.run.studies.vl_concepts import UNIFIED, FittedPair, fit

Source = Literal["latents", "decoders"]

NOTEBOOK = "21_zero_shot"
GRID = tuple(round(0.1 * step, 1) for step in range(11))
"""The paper's alphas, and 0: the model alone."""

FIXED = 0.1
"""The alpha of the paper's task-agnostic control (its table A15)."""

WORSE = 0.005
"""A mean accuracy that falls by less than this is not worse."""

TOLERANCE = 0.005
"""How far the mean gain may move on another machine: about twice its range over seeds."""

TASKS: dict[str, tuple[str, ...]] = {
    "kind": ("a {}", "a picture of a {}", "there is a {}"),
    "colour": ("a {} object", "a picture of a {} object", "there is a {} thing"),
    "texture": ("a {} object", "a picture of a {} object", "there is a {} thing"),
    "size": ("a {} object", "a picture of a {} object", "there is a {} thing"),
    "background": ("an object on a {} background", "a thing against a {} background"),
    "pattern": ("an object on a {} background", "a thing against a {} background"),
}
"""Factor of the main object or the ground, and the templates whose embeddings are averaged, as CLIP does."""


@dataclass(frozen=True)
class Scored:
    """hits (n,) of test pictures for every task, seed, source and alpha, and the table of their accuracies."""

    table: pd.DataFrame
    hits: dict[tuple[str, int, str, float], np.ndarray]

    def gain(self, task: str, seed: int, source: str, alpha: float) -> np.ndarray:
        """Hits with alpha minus hits without, (n,) of -1, 0 and 1."""
        ours, base = (self.hits[task, seed, source, a].astype(np.float64) for a in (alpha, 0.0))
        return ours - base


def class_embeddings(session: Session, task: str) -> Embeddings:
    """One row a class: the mean of the unit embeddings of its templates, unit norm."""
    names = VALUES[FACTORS.index(task)]
    rows = class_texts(session.world.encoder, names, TASKS[task])
    return Embeddings(np.array(names), None, rows, "classes", True, {"classes": task})


def enhanced(
    fitted: FittedPair, rows: Embeddings, tower: Literal["image", "text"], source: Source, alpha: float
) -> np.ndarray:
    """[x, sqrt(alpha) h] with x and h of unit norm: the inner product of two such rows is Eq. 10."""
    x = unit_rows("embeddings", rows.tower(tower))
    codes = fitted.sae.codes(rows, tower)
    h = codes.csr().toarray() if source == "latents" else fitted.sae.reconstruct(codes, tower)
    return np.concatenate([x, np.sqrt(alpha) * unit_rows("codes", h)], axis=1)


def score(session: Session) -> Scored:
    """All tasks, seeds, sources and alphas, on dev and test pictures."""
    rows, hits = [], {}
    data = {split: (session.world.embeddings(split), session.world.truth(split).scenes) for split in ("dev", "test")}
    classes = {task: class_embeddings(session, task) for task in TASKS}
    for seed in progress(session.seeds, desc="zero-shot"):
        f = fit(session, UNIFIED, seed)
        for source in ("latents", "decoders"):
            for alpha in GRID:
                images = {split: enhanced(f, e, "image", source, alpha) for split, (e, _) in data.items()}
                for task in TASKS:
                    texts = enhanced(f, classes[task], "text", source, alpha)
                    found = {}
                    for split, (_, truth) in data.items():
                        labels = truth[:, FACTORS.index(task)].astype(np.int64)
                        known = labels != SILENT
                        found[split] = zero_shot(images[split][known], texts, labels[known])
                    hits[task, seed, source, alpha] = found["test"].hits
                    accuracies = {split: one.accuracy for split, one in found.items()}
                    rows.append({"task": task, "seed": seed, "source": source, "alpha": alpha, **accuracies})
    return Scored(pd.DataFrame(rows), hits)


def choices(table: pd.DataFrame) -> pd.DataFrame:
    """One row for each task, seed and source: test accuracy of the model alone and of every way to choose alpha.

    fixed: FIXED. dev: the best on dev, the smallest of equals. test: the best on the test pictures themselves, as the
    paper does: what is reported there cannot fall below the model alone. alpha_dev, alpha_test: what was chosen.
    """
    rows = []
    for (task, seed, source), group in table.groupby(["task", "seed", "source"], sort=False):
        group = group.sort_values("alpha").set_index("alpha")
        dev, test = group.dev.idxmax(), group.test.idxmax()
        accuracy = {"base": group.test[0.0], "fixed": group.test[FIXED], "on dev": group.test[dev]}
        accuracy |= {"on test": group.test[test], "alpha_dev": dev, "alpha_test": test}
        rows.append({"task": task, "seed": seed, "source": source, **accuracy})
    return pd.DataFrame(rows)


def interval(scored: Scored, seed: int, source: str, alphas: dict[str, float]) -> Interval:
    """95 % interval of the mean gain over tasks; alphas: task to alpha. Pictures are drawn, each with all its tasks."""
    gains = np.mean([scored.gain(task, seed, source, alpha) for task, alpha in alphas.items()], axis=0)
    return paired_difference(gains, np.zeros_like(gains), np.random.default_rng(seed))


def claim_c11(scored: Scored, chosen: pd.DataFrame) -> Claim:
    """A fixed alpha does no harm, and little good."""
    seeds = sorted(int(seed) for seed in chosen.seed.unique())
    fixed = {seed: interval(scored, seed, "latents", dict.fromkeys(TASKS, FIXED)) for seed in seeds}
    harmless = verdict(above([one.low for one in fixed.values()], -WORSE))
    helpful = verdict(above([one.low for one in fixed.values()], 0.0))
    mean = chosen.groupby("source")[["base", "fixed", "on dev", "on test"]].mean()
    gains = mean.sub(mean.base, axis=0)
    return claim_over_seeds(
        "p2.C11",
        {seed: one.estimate for seed, one in fixed.items()},
        above([one.low for one in fixed.values()], 0.0),
        statement=f"adding the cosine of the codes with a fixed weight of {FIXED} raises zero-shot accuracy",
        expected="greater",
        metric=f"mean accuracy over {len(TASKS)} tasks, alpha {FIXED} minus alpha 0, latents",
        n=len(next(iter(scored.hits.values()))),
        verdict=combine((harmless, helpful)),
        why=f"95 % interval above {-WORSE}: {harmless}; above 0: {helpful}",
        controls={
            f"{source}, alpha {how}": gains.loc[source, how]
            for source in ("latents", "decoders")
            for how in ("fixed", "on dev", "on test")
        },
        tolerance=TOLERANCE,
        notebook=NOTEBOOK,
    )
