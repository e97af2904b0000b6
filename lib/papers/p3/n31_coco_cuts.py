"""Paper 3: five dictionaries on 500 real pairs, with a new split for each seed, compared with an independent prototype.

400 of the pairs train, 100 test; 1024 latents, K = 16, 600 steps of 64 pairs, Adam at 1e-3. The prototype has the same
equations and sizes in numpy, with gradients by hand; its splits and starting weights are its own. It printed the means
of three splits, rounded, without a spread.
"""

from __future__ import annotations

from itertools import chain

import numpy as np
import pandas as pd

from lib.encoders.embeddings import Embeddings
from lib.papers.common.setting import Setting
from lib.papers.p3.measures import measure_dictionaries
from lib.papers.p3.pair_dictionaries import (
    MASK_PROBABILITY,
    Material,
    PairedArm,
    fit_paired_arms,
    paired_trainings,
)
from lib.sae.models.gsae import group_weight
from lib.sae.training.train_ahead import train_ahead
from lib.worlds.clip_arrays import ClipArrays
from lib.worlds.session import Session

COCO_SETTING = Setting(width=1024, k=16, steps=600, batch=64, lr=1e-3)

COCO_TEST_PAIRS = 100
"""Number of test pairs."""

COCO_SEEDS = range(5)
"""Seeds of the split and of the training."""


def _times(penalty: float) -> float:
    """Convert a weight of the group norm to the units of `PairedArm.group_factor`."""
    return penalty / group_weight(COCO_SETTING.k)


COCO_ARMS = {
    "SAE-1b": PairedArm("paired_topk", biases=1),
    "SAE-2b": PairedArm("paired_topk"),
    "GSAE .05": PairedArm("gsae", group_factor=_times(0.05)),
    "GSAE .1": PairedArm("gsae", group_factor=_times(0.1)),
    "MGSAE .05": PairedArm("mgsae", group_factor=_times(0.05), mask_probability=MASK_PROBABILITY),
}

PRINTED_MEASURES = ("first_only", "second_only", "both", "dead", "cosine", "jaccard", "r1", "r5", "fvu")
"""Columns of `measure_dictionary` that the prototype printed."""

PRINTED = {
    "SAE-1b": (339, 344, 68, 273, 0.015, 0.011, 0.100, 0.24, 0.523),
    "SAE-2b": (290, 290, 314, 131, 0.084, 0.041, 0.2415, 0.50, 0.536),
    "GSAE .05": (294, 275, 328, 127, 0.128, 0.062, 0.3215, 0.64, 0.502),
    "GSAE .1": (281, 258, 339, 145, 0.141, 0.069, 0.325, 0.66, 0.510),
    "MGSAE .05": (305, 280, 313, 125, 0.120, 0.064, 0.338, 0.66, 0.487),
}
"""PRINTED_MEASURES of the prototype; r1 is the mean of its two directions."""


def coco_runs(session: Session) -> pd.DataFrame | None:
    """Train and measure every arm with every seed, one row each; None where the world has other pairs."""
    if not isinstance(session.world, ClipArrays):
        return None
    materials = {seed: cut_pairs(session, seed) for seed in COCO_SEEDS}
    ahead = (paired_trainings(cut, arm, seed) for arm in COCO_ARMS.values() for seed, cut in materials.items())
    train_ahead(chain.from_iterable(ahead), session.device)
    tables = []
    for seed, material in materials.items():
        tables.append(measure_dictionaries(material, fit_paired_arms(material, COCO_ARMS, [seed], session.device)))
    return pd.concat(tables, ignore_index=True)


def cut_pairs(session: Session, seed: int) -> Material:
    """Split all pairs of the world in a new order: COCO_TEST_PAIRS to test on, the others to train on."""
    pairs = _all_pairs([session.world.embeddings(split) for split in ("train", "dev", "test")])
    order = np.random.default_rng(seed).permutation(len(pairs))
    parts = {"test": order[:COCO_TEST_PAIRS], "train": order[COCO_TEST_PAIRS:]}
    test, train = (
        pairs.rows(rows, f"{name} of cut {seed}, {COCO_TEST_PAIRS} test rows") for name, rows in parts.items()
    )
    return Material(train, test, ("image", "text"), COCO_SETTING)


def _all_pairs(parts: list[Embeddings]) -> Embeddings:
    ids = np.concatenate([part.ids for part in parts])
    image, text = (np.concatenate([part.tower(tower) for part in parts]) for tower in ("image", "text"))
    return Embeddings(ids, image, text, parts[0].encoder, True, {"together": [part.identity for part in parts]})


def beside_printed(table: pd.DataFrame) -> pd.DataFrame:
    """Compare `coco_runs` with the prototype, one row per arm and measure: mean, sd, least, largest, printed."""
    rows = []
    for arm, own in table.groupby("arm", sort=False):
        for measure, printed in zip(PRINTED_MEASURES, PRINTED[str(arm)], strict=True):
            values = own[measure].to_numpy(dtype=np.float64)
            spread = {"mean": values.mean(), "sd": values.std(ddof=1), "least": values.min(), "largest": values.max()}
            rows.append({"arm": arm, "measure": measure, **spread, "printed": printed})
    return pd.DataFrame(rows)


def printed_text(beside: pd.DataFrame) -> pd.DataFrame:
    """Write `beside_printed` as text: one row per measure, one column per arm with "mean ± sd (printed)"."""

    def cell(row: pd.Series) -> str:
        places = 0 if row["mean"] > 1 else 3
        return f"{row['mean']:.{places}f} ± {row['sd']:.{places}f} ({row['printed']:.{places}f})"

    texts = beside.assign(text=beside.apply(cell, axis=1)).pivot(index="measure", columns="arm", values="text")
    return texts.loc[list(PRINTED_MEASURES), list(PRINTED)].reset_index()
