"""How good the scenes world's encoders are, measured on scenes that no training saw."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from lib.data.pairs import Facts, Pairs
from lib.data.scenes import SceneTruth, scenes, truth_of
from lib.data.scenes.grammar import choose, phrase, true_of
from lib.data.scenes.vocabulary import KIND_NAMES, KINDS
from lib.encoders.clip import ClipEncoder
from lib.encoders.embeddings import Embeddings
from lib.encoders.store import embed
from lib.run.studies.unseen import unseen_scores

CANDIDATES = 1000
"""Scenes and captions in each retrieval test."""


def encoder_table(encoder: ClipEncoder, draws: tuple[int, ...] = (0, 1, 2)) -> pd.DataFrame:
    """One row for each split and draw of CANDIDATES unseen scenes (other scenes, the same encoder): `unseen_scores`,
    its classes the 64 kinds."""
    classes = encoder.encode_texts([f"a picture of a {name}" for name in KIND_NAMES])
    rows = []
    for split, draw in product(("test", "novel"), draws):
        truth = truth_of(split, CANDIDATES, draw)
        pairs = embed(scenes(split, CANDIDATES, draw), encoder).unit()
        holds = true_of(truth.asserted[:, 0], truth.scenes, truth.things)
        scores = unseen_scores(pairs, classes, truth.scenes[:, 0], holds, "image")
        rows.append({"split": split, "draw": draw, **scores})
    return pd.DataFrame(rows)


def judge_table(pairs: Pairs, judges: dict[str, Embeddings]) -> pd.DataFrame:
    """For each judge: mean cosine of random pairs (chance), and of pairs whose main objects are of one kind, one
    group, or that share the background colour only."""
    truth = truth_of(pairs.identity["split"], len(pairs), pairs.identity["seed"])
    kind, background = truth.scenes[:, 0], truth.scenes[:, 9]
    group = kind // (len(KINDS) // 16)
    first, second = np.triu_indices(len(pairs), 1)
    same_kind, same_group = kind[first] == kind[second], group[first] == group[second]
    choices = {
        "chance": np.ones(len(first), bool),
        "same kind": same_kind,
        "same group": same_group & ~same_kind,
        "same background": (background[first] == background[second]) & ~same_group,
    }
    rows = []
    for name, judge in judges.items():
        unit = judge.unit().tower("image").astype(np.float64)
        cosines = (unit @ unit.T)[first, second]
        rows.append({"judge": name, **{choice: cosines[where].mean() for choice, where in choices.items()}})
    return pd.DataFrame(rows)


def dial(index: int, told: tuple[int, ...]) -> list[str]:
    """Captions of one test scene that tell 1, 4, ... of its facts; fewer where it has fewer."""
    values = truth_of("test", index + 1).scenes[index]
    captions = []
    for n in told:
        random = np.random.default_rng([index, n])
        captions.append(phrase(choose(values, n, random), random))
    return captions


def untold(facts: Facts, row: int) -> list[str]:
    """Facts that hold in a picture and that neither of its captions tells, as `group:value`."""
    silent = facts.truth[row] & ~facts.mentioned[row].any(axis=0)
    return [facts.names[i] for i in np.flatnonzero(silent)]


def true_counts(truth: SceneTruth, candidates: int) -> pd.DataFrame:
    """For each of the first `candidates` captions, short and long: of how many of the first pictures it is true."""
    n = slice(candidates)
    counts = {
        name: true_of(truth.asserted[n, which], truth.scenes[n], truth.things[n]).sum(axis=1)
        for which, name in enumerate(("short", "long"))
    }
    return pd.DataFrame(counts)


def pair_cosines(e: Embeddings) -> pd.DataFrame:
    """Cosine of every picture with its own caption (matched) and with the next picture's (random)."""
    image, text = e.unit().tower("image"), e.unit().tower("text")
    dots = {"matched": (image * text).sum(axis=1), "random": (image * np.roll(text, 1, axis=0)).sum(axis=1)}
    return pd.DataFrame(dots).astype(np.float64)


def gap_plane(e: Embeddings) -> dict[str, np.ndarray]:
    """Pictures and captions, (n, 2) each: along the line through the two means, and along the first principal
    component of what is left."""
    image, text = (e.tower(tower).astype(np.float64) for tower in ("image", "text"))
    axis = image.mean(axis=0) - text.mean(axis=0)
    axis /= np.linalg.norm(axis)
    both = np.concatenate([image, text])
    along = both @ axis
    rest = PCA(1, svd_solver="full").fit_transform(both - along[:, None] * axis)
    points = np.column_stack([along, rest])
    return {"pictures": points[: len(e)], "captions": points[len(e) :]}
