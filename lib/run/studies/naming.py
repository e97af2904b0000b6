"""Latents of real CLIP named by words: each takes the class whose text embedding lies nearest.

The rule is that of Rao et al., *Discover-then-Name* (arXiv 2407.14499), who compare decoder rows with text embeddings.
Whether a name fits is tested on pictures that neither the dictionary nor the choice has seen.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from lib.metrics.intervals import bootstrap
from lib.metrics.rows import unit_rows
from lib.run.start import Session
from lib.run.studies.dictionaries import Fitted, Recipe, fit_all
from lib.run.studies.monosemanticity import PAPER_RECIPES
from lib.run.studies.selectivity import aurocs

ACTIVE = 5
"""Test pictures that must activate a latent, and that must not, for its name to be tested."""

RULES = ("decoder row", "mean picture", "another latent's name", "random name")
"""Two ways to choose a name, and two controls."""

TOP = 5
"""Pictures that a name ranks first, of which the judge has read the captions."""


def fit(session: Session) -> list[Fitted]:
    """The paper's two dictionaries at the embedding's width, and the untrained one, with every seed."""
    k = session.profile.sae.k
    recipes = [Recipe(name, 1, k) for name in PAPER_RECIPES]
    return fit_all(session, [*recipes, Recipe("matryoshka", 1, k, trained=False)])


def directions(session: Session) -> np.ndarray:
    """(labels, d) unit vectors of the world's labels, centred."""
    return centred(session.world.labels().vectors)


def centred(words: np.ndarray) -> np.ndarray:
    """(words, d) unit vectors, centred on their mean: what sets words apart from pictures, all of them share."""
    return unit_rows("labels", words - words.mean(axis=0))


def choices(session: Session, fitted: Fitted) -> dict[str, np.ndarray]:
    """Rule to the row (width,) of the label that it gives each latent, from train pictures, centred on their mean."""
    train, labels = session.world.embeddings("train"), directions(session)
    images, codes = train.tower("image"), fitted.sae.codes(train).csr()
    weight = np.asarray(codes.sum(axis=0)).ravel()
    means = np.asarray(codes.T @ (images - images.mean(axis=0))) / np.maximum(weight, 1e-12)[:, None]
    rows = fitted.sae.W_dec.detach().numpy()
    rng = np.random.default_rng(fitted.seed)
    nearest = (rows @ labels.T).argmax(axis=1)
    return {
        "decoder row": nearest,
        "mean picture": (means @ labels.T).argmax(axis=1),
        "another latent's name": rng.permutation(nearest),
        "random name": rng.integers(len(labels), size=len(rows)),
    }


def tested_names(session: Session, fitted: Fitted) -> pd.DataFrame:
    """One row for each rule and tested latent: rule, latent, name, auroc, captions.

    auroc: does the cosine of picture and name tell the test pictures that activate the latent from the others?
    captions: mean cosine, by a network that has read only captions, of the activating pictures and the TOP that the
    name ranks first, less that of all pictures with those TOP.
    """
    test, labels = session.world.embeddings("test"), session.world.labels()
    active = fitted.codes.csr().toarray() > 0
    tested = np.flatnonzero((active.sum(axis=0) >= ACTIVE) & ((~active).sum(axis=0) >= ACTIVE))
    cosines = test.tower("image") @ directions(session).T
    read = session.world.judges("test")["network"].tower("image")
    parts = []
    for rule, chosen in choices(session, fitted).items():
        name = chosen[tested]
        first = np.argsort(-cosines[:, name], axis=0, kind="stable")[:TOP]
        found = read[first].mean(axis=0)
        own = active[:, tested].T @ read / active[:, tested].sum(axis=0)[:, None]
        gain = (found * (own - read.mean(axis=0))).sum(axis=1)
        columns = {"latent": tested, "name": [labels.names[i] for i in name]}
        auroc = aurocs(active[:, tested], cosines[:, name])
        parts.append(pd.DataFrame({"rule": rule, **columns, "auroc": auroc, "captions": gain}))
    return pd.concat(parts, ignore_index=True)


def name_table(session: Session, fitted: Iterable[Fitted]) -> pd.DataFrame:
    """`tested_names` of every dictionary, with arm and seed in front."""
    parts = []
    for f in fitted:
        arm = f.recipe.name if f.recipe.trained else "untrained"
        found = tested_names(session, f)
        found.insert(0, "arm", arm)
        found.insert(1, "seed", f.seed)
        parts.append(found)
    return pd.concat(parts, ignore_index=True)


def summary(names: pd.DataFrame) -> pd.DataFrame:
    """One row for each arm, rule and seed: latents tested, distinct names, mean AUROC with its 95 % bootstrap interval
    over latents, mean gain by captions."""
    rows = []
    for (arm, rule, seed), group in names.groupby(["arm", "rule", "seed"], sort=False):
        interval = bootstrap(group.auroc.to_numpy(), np.random.default_rng(int(seed)))
        rows.append(
            {
                "arm": arm,
                "rule": rule,
                "seed": seed,
                "latents": len(group),
                "names": group.name.nunique(),
                "auroc": interval.estimate,
                "low": interval.low,
                "high": interval.high,
                "captions": group.captions.mean(),
            }
        )
    return pd.DataFrame(rows)


def best_named(names: pd.DataFrame, arm: str, seed: int, n: int = 8) -> pd.DataFrame:
    """The n latents of a dictionary whose name by decoder row fits best on test pictures, each name once."""
    rows = names[(names.arm == arm) & (names.seed == seed) & (names.rule == RULES[0])]
    best = rows.sort_values(["auroc", "latent"], ascending=[False, True]).drop_duplicates("name")
    return best[["latent", "name", "auroc", "captions"]].head(n).reset_index(drop=True)
