"""The caption dial: the same scenes with captions that tell a chosen number of their facts.

Compare the MAD data of Schrodi et al., ICLR 2025 (arXiv 2404.07983), where a caption names one factor and n others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.data.errors import CompanionError
from lib.data.pairs import Pairs
from lib.data.scenes.grammar import FACTORS, SILENT, VALUES, choose, phrase, true_of
from lib.data.scenes.world import SPLITS, VERSION, ScenePictures, SceneTruth, truth_of

MIXED = 0
"""In place of a number of facts: each caption draws its own, evenly from 1 to all."""


@dataclass(frozen=True)
class Dialled:
    """pairs: n scenes with one caption each. asserted: int16 (n, 12), what the captions say. truth: of the scenes."""

    pairs: Pairs
    asserted: np.ndarray
    truth: SceneTruth

    def holds(self) -> np.ndarray:
        """Whether each caption is true of each scene, bool (captions, scenes)."""
        return true_of(self.asserted, self.truth.scenes, self.truth.things)


def dial(split: str, n: int, told: int, seed: int = 0) -> Dialled:
    """The first n scenes of a split with captions that tell `told` facts (all, where a scene has fewer), or MIXED."""
    if told not in range(len(FACTORS) + 1):
        raise CompanionError(f"captions that tell {told} facts; give 1 to {len(FACTORS)}, or {MIXED} for a mixture")
    truth = truth_of(split, n, seed)
    asserted, captions = np.empty((n, len(FACTORS)), np.int16), []
    for i in range(n):
        random = np.random.default_rng([VERSION, SPLITS[split], seed, i, 3, told])
        facts = told or int(random.integers(1, len(FACTORS) + 1))
        asserted[i] = choose(truth.scenes[i], facts, random)
        captions.append((phrase(asserted[i], random),))
    identity = {"world": "scenes", "version": VERSION, "split": split, "n": n, "seed": seed, "told": told}
    ids = np.array([f"{split}-{seed}-{i:06d}" for i in range(n)])
    return Dialled(Pairs(ids, ScenePictures(split, seed, 0, n), tuple(captions), identity), asserted, truth)


def contradict(dialled: Dialled, factor: int, seed: int = 0) -> tuple[Dialled, np.ndarray]:
    """The scenes whose caption tells `factor`, with captions that say a wrong value of it and are true otherwise.

    Also returns the numbers of these scenes among the given ones. Wrong means that the caption is false of its scene.
    """
    kept, asserted, captions = [], [], []
    for i in np.flatnonzero(dialled.asserted[:, factor] != SILENT):
        random = np.random.default_rng([VERSION, seed, int(i), 4, factor])
        codes = dialled.asserted[i].copy()
        others = [value for value in range(len(VALUES[factor])) if value != codes[factor]]
        codes[factor] = others[random.integers(len(others))]
        scene = slice(i, i + 1)
        if not true_of(codes[None], dialled.truth.scenes[scene], dialled.truth.things[scene]).any():
            kept.append(i)
            asserted.append(codes)
            captions.append((phrase(codes, random),))
    if not kept:
        raise CompanionError(f"no caption tells {FACTORS[factor]}, so none can be contradicted; give captions that do")
    rows, old = np.array(kept), dialled.pairs
    truth = SceneTruth(dialled.truth.scenes[rows], dialled.truth.things[rows], dialled.truth.asserted[rows])
    identity = {**old.identity, "contradicts": FACTORS[factor], "contradiction": seed}
    pairs = Pairs(ids=old.ids[rows], images=None, captions=tuple(captions), identity=identity)
    return Dialled(pairs, np.stack(asserted), truth), rows
