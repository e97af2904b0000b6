"""Latents named by words, and the names held against true labels.

The rule is that of Rao et al., *Discover-then-Name* (arXiv 2407.14499), who compare decoder rows with text embeddings.
Whether a name is right is tested on pictures that neither the dictionary nor the choice has seen, and whose class is
known. Two questions, each with a baseline that needs no dictionary:

- of a latent: do the pictures that activate it most show what its name says? Baseline: coordinates of the embedding.
- of a picture: what do its latents call it? Baseline: the word nearest to the picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from lib.base.errors import NotAvailable
from lib.metrics.auroc import aurocs
from lib.metrics.intervals import bootstrap
from lib.metrics.rows import centre_words
from lib.papers.common.dictionaries import Fitted, Recipe, fit_recipes
from lib.papers.common.ms_scores import PAPER_RECIPES
from lib.report.figures import BASELINE, CEILING, CONTROL, METHOD, SECOND_BASELINE, SECOND_CONTROL, VARIANT
from lib.worlds.session import Session

LEAST_ACTIVE = 5
"""Number of test pictures that must activate a latent, and of others that must not, for its name to be tested."""

TOP_PICTURES = 5
"""Number of test pictures, those that activate a latent most, whose class must be its name."""

NAMING_RULES = ("decoder row", "mean picture", "another latent's name", "random name", "best true label")
"""Two ways to choose a name, two negative controls, and the positive one: the class of most of the test pictures."""

NEAREST_WORDS = ("nearest word", "nearest word, centred")
"""The two ways to name a picture without any dictionary: by cosine, and by cosine once both sides are centred."""

_ROLES = {
    METHOD: ("decoder row", "matryoshka"),
    VARIANT: ("mean picture", "batch_topk"),
    BASELINE: ("coordinates",),
    SECOND_BASELINE: ("no dictionary",),
    CEILING: ("best true label",),
    CONTROL: ("random name", "untrained"),
    SECOND_CONTROL: ("another latent's name",),
}

COLORS = {name: color for color, names in _ROLES.items() for name in names}
"""The colour of each rule and of each arm: the paper's method, a variant of it, baselines, and controls."""


def fit_named(session: Session) -> list[Fitted]:
    """Fit paper 1's two dictionaries at the embedding's width and the profile's K, and an untrained one."""
    k = session.profile.sae.k
    trained = [Recipe(name, 1, k) for name in PAPER_RECIPES]
    return fit_recipes(session, [*trained, Recipe("matryoshka", 1, k, trained=False)])


def label_directions(session: Session) -> np.ndarray:
    """(labels, d) unit vectors of the world's labels, centred on their mean."""
    return centre_words(session.world.labels().vectors)


def true_names(session: Session, split: str) -> np.ndarray:
    """(n,) the true name of each picture, as a row number of the labels.

    A class without a label of the same name is an error: its pictures could never be named rightly.
    """
    classes, numbers = session.world.classes(split)
    place = {name: i for i, name in enumerate(session.world.labels().names)}
    if absent := [name for name in classes.ids if name not in place]:
        raise NotAvailable(f"class {str(absent[0])!r} of world {session.world.name} is not among its labels")
    return np.array([place[name] for name in classes.ids])[numbers]


def choose_names(session: Session, train_codes: csr_matrix, writes: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Label (width,) that each rule gives each latent, as a row number of the labels, by the name of the rule.

    train_codes (n, width): activations on train pictures. writes (width, d): the direction that each latent writes.
    Mean pictures are taken over train pictures, centred on their mean. No label of a picture is read.
    """
    labels, images = label_directions(session), session.world.embeddings("train").tower("image")
    weight = np.asarray(train_codes.sum(axis=0)).ravel()
    means = np.asarray(train_codes.T @ (images - images.mean(axis=0))) / np.maximum(weight, 1e-12)[:, None]
    rng = np.random.default_rng(seed)
    nearest = (writes @ labels.T).argmax(axis=1)
    return {
        "decoder row": nearest,
        "mean picture": (means @ labels.T).argmax(axis=1),
        "another latent's name": rng.permutation(nearest),
        "random name": rng.integers(len(labels), size=len(writes)),
    }


def named_latents(session: Session, fitted: Iterable[Fitted]) -> Iterator[tuple[str, int, csr_matrix, dict]]:
    """Arm, seed, activations on test pictures and names by rule: of every dictionary, and once of plain coordinates.

    coordinates: the embedding's own axes, above their median over train pictures; they need no dictionary.
    """
    train, test = (session.world.embeddings(split).tower("image") for split in ("train", "test"))
    median = np.median(train, axis=0)
    above = [csr_matrix(np.maximum(rows - median, 0)) for rows in (train, test)]
    yield "coordinates", 0, above[1], choose_names(session, above[0], np.eye(train.shape[1]), 0)
    for f in fitted:
        arm = f.recipe.name if f.recipe.trained else "untrained"
        codes = f.sae.codes(session.world.embeddings("train")).csr()
        yield arm, f.seed, f.codes.csr(), choose_names(session, codes, f.sae.W_dec.detach().numpy(), f.seed)


def tested_names(session: Session, codes: csr_matrix, names: dict[str, np.ndarray]) -> pd.DataFrame:
    """Test the names of latents (width) on the test pictures that activate them, one row per rule and tested latent.

    Columns: rule, latent, name, auroc, right. auroc: how well the cosine of picture and name separates the pictures
    that activate the latent from the others. right: the share of the TOP_PICTURES that activate the latent most whose
    true class is the name.
    """
    dense, labels = codes.toarray(), session.world.labels().names
    active, truth = dense > 0, true_names(session, "test")
    tested = np.flatnonzero((active.sum(axis=0) >= LEAST_ACTIVE) & ((~active).sum(axis=0) >= LEAST_ACTIVE))
    cosines = session.world.embeddings("test").tower("image") @ label_directions(session).T
    shown = truth[np.argsort(-dense[:, tested], axis=0, kind="stable")[:TOP_PICTURES]]
    best = np.array([np.bincount(column).argmax() for column in shown.T], dtype=int)
    chosen = {rule: given[tested] for rule, given in names.items()} | {NAMING_RULES[-1]: best}
    parts = []
    for rule, name in chosen.items():
        right = (shown == name).mean(axis=0)
        columns = {"latent": tested, "name": [labels[i] for i in name]}
        auroc = aurocs(active[:, tested], cosines[:, name])
        parts.append(pd.DataFrame({"rule": rule, **columns, "auroc": auroc, "right": right}))
    return pd.concat(parts, ignore_index=True)


def named_pictures(session: Session, codes: csr_matrix, names: np.ndarray) -> np.ndarray:
    """(n, labels) how much the latents of each test picture speak for each name: the sum of their activations."""
    width, count = len(names), len(session.world.labels().names)
    gives = csr_matrix((np.ones(width), (np.arange(width), names)), shape=(width, count))
    return np.asarray((codes @ gives).todense())


def name_table(session: Session, latents: Iterable[tuple[str, int, csr_matrix, dict]]) -> pd.DataFrame:
    """`tested_names` of every arm in one table, with arm and seed as first columns."""
    parts = []
    for arm, seed, codes, names in latents:
        found = tested_names(session, codes, names)
        found.insert(0, "arm", arm)
        found.insert(1, "seed", seed)
        parts.append(found)
    return pd.concat(parts, ignore_index=True)


def naming_summary(names: pd.DataFrame) -> pd.DataFrame:
    """Summarise `name_table`, one row per arm, rule and seed.

    Columns: latents tested, distinct names, means of auroc and right, and the 95 % bootstrap interval of the latter
    over latents.
    """
    rows = []
    for (arm, rule, seed), group in names.groupby(["arm", "rule", "seed"], sort=False):
        interval = bootstrap(group.right.to_numpy(), np.random.default_rng(int(seed)))
        about = {"arm": arm, "rule": rule, "seed": seed, "latents": len(group), "names": group.name.nunique()}
        right = {"right": interval.estimate, "low": interval.low, "high": interval.high}
        rows.append({**about, "auroc": group.auroc.mean(), **right})
    return pd.DataFrame(rows)


def picture_table(session: Session, latents: Iterable[tuple[str, int, csr_matrix, dict]]) -> pd.DataFrame:
    """How many test pictures get their true name, by their latents and without any: arm, rule, seed, first, three.

    first: the share whose name comes first; three: among the first three.
    """
    train, test = (session.world.embeddings(split).tower("image") for split in ("train", "test"))
    plain = test @ session.world.labels().vectors.T
    centred = (test - train.mean(axis=0)) @ label_directions(session).T
    truth = true_names(session, "test")
    rows = [
        {"arm": "no dictionary", "rule": rule, "seed": 0, **_found(scores, truth)}
        for rule, scores in zip(NEAREST_WORDS, (plain, centred), strict=True)
    ]
    for arm, seed, codes, names in latents:
        for rule in ("decoder row", "mean picture", "random name"):
            found = _found(named_pictures(session, codes, names[rule]), truth)
            rows.append({"arm": arm, "rule": rule, "seed": seed, **found})
    return pd.DataFrame(rows)


def _found(scores: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    first = np.argsort(-scores, axis=1, kind="stable")[:, :3]
    return {"first": (first[:, 0] == truth).mean(), "three": (first == truth[:, None]).any(axis=1).mean()}


def best_named(names: pd.DataFrame, arm: str, seed: int, n: int = 8) -> pd.DataFrame:
    """The n latents of a dictionary whose names by mean picture fit test pictures best, each name once."""
    rows = names[(names.arm == arm) & (names.seed == seed) & (names.rule == "mean picture")]
    best = rows.sort_values(["right", "auroc", "latent"], ascending=[False, False, True]).drop_duplicates("name")
    return best[["latent", "name", "right", "auroc"]].head(n).reset_index(drop=True)
