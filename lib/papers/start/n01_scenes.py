"""Measure how good the encoders of the scenes world are, on scenes that were not in any training."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from lib.data.pairs import Pairs
from lib.data.procedural import choose
from lib.data.scenes import SceneTruth, scenes, truth_of
from lib.data.scenes.scene_grammar import phrase, true_of
from lib.data.scenes.scene_words import KIND_NAMES, KINDS
from lib.encoders.clip import ClipEncoder
from lib.encoders.embeddings import Embeddings
from lib.encoders.store import embed
from lib.papers.common.unseen import unseen_scores

_CANDIDATES = 1000
"""Scenes and captions in each retrieval test."""


def scene_encoder_table(encoder: ClipEncoder, draws: tuple[int, ...] = (0, 1, 2)) -> pd.DataFrame:
    """`unseen_scores` of the encoder, one row per split and draw of _CANDIDATES unseen scenes.

    Draws differ in their scenes, not in the encoder. The classes are the 64 kinds.
    """
    classes = encoder.encode_texts([f"a picture of a {name}" for name in KIND_NAMES])
    rows = []
    for split, draw in product(("test", "novel"), draws):
        truth = truth_of(split, _CANDIDATES, draw)
        pairs = embed(scenes(split, _CANDIDATES, draw), encoder).unit()
        holds = true_of(truth.asserted[:, 0], truth.scenes, truth.things)
        scores = unseen_scores(pairs, classes, truth.scenes[:, 0], holds, "image")
        rows.append({"split": split, "draw": draw, **scores})
    return pd.DataFrame(rows)


def judge_table(pairs: Pairs, judges: dict[str, Embeddings]) -> pd.DataFrame:
    """Mean cosines by each judge: of random pairs (chance), and of pairs that share something.

    Pairs share the kind of the main object, only its group, or only the background colour.
    """
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


def told_captions(index: int, told: tuple[int, ...]) -> list[str]:
    """Captions of one test scene, each with as many of its facts as `told` says, or all if it has fewer."""
    values = truth_of("test", index + 1).scenes[index]
    captions = []
    for n in told:
        random = np.random.default_rng([index, n])
        captions.append(phrase(choose(values, n, random), random))
    return captions


def true_counts(truth: SceneTruth, candidates: int) -> pd.DataFrame:
    """Number of the first pictures that each of the first `candidates` captions is true of, short and long ones."""
    n = slice(candidates)
    counts = {
        name: true_of(truth.asserted[n, which], truth.scenes[n], truth.things[n]).sum(axis=1)
        for which, name in enumerate(("short", "long"))
    }
    return pd.DataFrame(counts)
