"""The caption dial: the same scenes with captions that mention a chosen number of their facts.

Compare the MAD data of Schrodi et al., ICLR 2025 (arXiv 2404.07983), where a caption names one factor and n others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lib.base.errors import CompanionError
from lib.data.pairs import Facts, Pairs
from lib.data.procedural import SILENT, choose, row_ids, row_random
from lib.data.scenes.scene_grammar import FACTORS, VALUES, phrase, true_of
from lib.data.scenes.scene_pairs import (
    DETAILS,
    MOST_DETAILS,
    VERSION,
    ScenePictures,
    SceneTruth,
    about,
    facts_of,
    tellable,
    truth_of,
)

MIXED = 0
"""The setting of the dial at which each caption draws its own number of facts, evenly from 1 to all, or of details from
1 to MOST_DETAILS."""


@dataclass(frozen=True)
class Dialled:
    """Scenes with captions of the dial."""

    pairs: Pairs
    """The scenes (n), with one caption each."""
    asserted: np.ndarray
    """The codes that the captions assert, int16 (n, 12)."""
    truth: SceneTruth
    """The codes of the scenes."""

    @property
    def codes(self) -> np.ndarray:
        """The codes of the scenes, int16 (n, 12)."""
        return self.truth.scenes

    def facts(self) -> Facts:
        """Tabulate which facts hold in the scenes, and which the captions mention."""
        return facts_of(replace(self.truth, asserted=self.asserted[:, None]))

    def rows(self, chosen: np.ndarray) -> Dialled:
        """Return the scenes with the numbers `chosen` (n',), with their captions and without their pictures."""
        old, truth = self.pairs, self.truth
        captions = None if old.captions is None else tuple(old.captions[i] for i in chosen)
        pairs = Pairs(old.ids[chosen], None, captions, {**old.identity, "rows": chosen.tolist()})
        kept = SceneTruth(truth.scenes[chosen], truth.things[chosen], truth.asserted[chosen])
        return Dialled(pairs, self.asserted[chosen], kept)

    def holds(self) -> np.ndarray:
        """Return whether each caption is true of each scene, bool (captions, scenes)."""
        return true_of(self.asserted, self.truth.scenes, self.truth.things)


def dial(split: str, n: int, told: int, seed: int = 0, caption: int = 0, details: bool = False) -> Dialled:
    """Give the first n scenes of a split captions that mention `told` facts, or MIXED numbers of facts.

    A scene with fewer facts has all of them mentioned. caption: the number of the caption; the same scenes have as many
    as one asks for. details: mention no kind of the main object, see `scenes`.
    """
    if told not in range(len(FACTORS) + 1):
        raise CompanionError(
            f"captions cannot mention {told} facts; give 1 to {len(FACTORS)}, or {MIXED} for a mixture"
        )
    truth, most = truth_of(split, n, seed), MOST_DETAILS if details else len(FACTORS)
    asserted, captions = np.empty((n, len(FACTORS)), np.int16), []
    for i in range(n):
        part = [caption, DETAILS] if details else [caption] if caption else []
        random = row_random(VERSION, split, seed, i, 3, told, *part)
        facts = told or int(random.integers(1, most + 1))
        asserted[i] = choose(tellable(truth.scenes[i], details), facts, random)
        captions.append((phrase(asserted[i], random),))
    identity = {"world": "scenes", "version": VERSION, "split": split, "n": n, "seed": seed, "told": told}
    identity |= about(details)
    if caption:
        identity["caption"] = caption
    ids = row_ids(split, seed, range(n))
    return Dialled(Pairs(ids, ScenePictures(split, seed, 0, n), tuple(captions), identity), asserted, truth)


def contradict(dialled: Dialled, factor: int, seed: int = 0) -> tuple[Dialled, np.ndarray]:
    """Make captions false: those that mention `factor` get a wrong value of it, and keep all other values.

    Returns the scenes of these captions, and their numbers among the given ones. The caption is false of its scene: a
    value that is true of another object in it does not count as wrong.
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
        raise CompanionError(
            f"no caption mentions {FACTORS[factor]}, so none can be contradicted; give captions that do"
        )
    rows, old = np.array(kept), dialled.pairs
    truth = SceneTruth(dialled.truth.scenes[rows], dialled.truth.things[rows], dialled.truth.asserted[rows])
    identity = {**old.identity, "contradicts": FACTORS[factor], "contradiction": seed}
    pairs = Pairs(ids=old.ids[rows], images=None, captions=tuple(captions), identity=identity)
    return Dialled(pairs, np.stack(asserted), truth), rows
