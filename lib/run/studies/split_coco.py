"""Five dictionaries on 500 real pairs, cut anew for each seed, beside the figures of an independent prototype.

400 of the pairs train, 100 test; 1024 latents, K = 16, 600 steps of 64 pairs, Adam at 1e-3. The prototype has the same
equations and sizes in numpy, with gradients by hand; its splits and starting weights are its own. It printed the means
of three splits, rounded, without a spread.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.encoders.embeddings import Embeddings
from lib.run.start import Session
from lib.run.studies.split import MASK, Arm, Material, Setting, fit_all
from lib.run.studies.split_measures import measure_all
from lib.run.worlds import ClipArrays
from lib.sae.gsae import group_weight

SETTING = Setting(width=1024, k=16, steps=600, batch=64, lr=1e-3)

TEST = 100

SEEDS = range(5)
"""Of the split and of the training."""


def _times(penalty: float) -> float:
    """A weight of the group norm in the units of `Arm.grouped`."""
    return penalty / group_weight(SETTING.k)


ARMS = {
    "SAE-1b": Arm("paired_topk", biases=1),
    "SAE-2b": Arm("paired_topk"),
    "GSAE .05": Arm("gsae", grouped=_times(0.05)),
    "GSAE .1": Arm("gsae", grouped=_times(0.1)),
    "MGSAE .05": Arm("mgsae", grouped=_times(0.05), mask=MASK),
}

MEASURES = ("first_only", "second_only", "both", "dead", "cosine", "jaccard", "r1", "r5", "fvu")

PRINTED = {
    "SAE-1b": (339, 344, 68, 273, 0.015, 0.011, 0.100, 0.24, 0.523),
    "SAE-2b": (290, 290, 314, 131, 0.084, 0.041, 0.2415, 0.50, 0.536),
    "GSAE .05": (294, 275, 328, 127, 0.128, 0.062, 0.3215, 0.64, 0.502),
    "GSAE .1": (281, 258, 339, 145, 0.141, 0.069, 0.325, 0.66, 0.510),
    "MGSAE .05": (305, 280, 313, 125, 0.120, 0.064, 0.338, 0.66, 0.487),
}
"""MEASURES of the prototype; r1 is the mean of its two directions."""


def runs(session: Session) -> pd.DataFrame | None:
    """One row for each arm and seed, see `split_measures.measures`; None where the world is another."""
    if not isinstance(session.world, ClipArrays):
        return None
    tables = []
    for seed in SEEDS:
        material = cut(session, seed)
        tables.append(measure_all(material, fit_all(material, ARMS, [seed], session.device)))
    return pd.concat(tables, ignore_index=True)


def cut(session: Session, seed: int) -> Material:
    """All pairs of the world in a new order: TEST to test on, the others to train on."""
    pairs = _all_pairs([session.world.embeddings(split) for split in ("train", "dev", "test")])
    order = np.random.default_rng(seed).permutation(len(pairs))
    parts = {"test": order[:TEST], "train": order[TEST:]}
    test, train = (pairs.rows(rows, f"{name} of cut {seed}, {TEST} test rows") for name, rows in parts.items())
    return Material(train, test, ("image", "text"), SETTING)


def _all_pairs(parts: list[Embeddings]) -> Embeddings:
    ids = np.concatenate([part.ids for part in parts])
    image, text = (np.concatenate([part.tower(tower) for part in parts]) for tower in ("image", "text"))
    return Embeddings(ids, image, text, parts[0].encoder, True, {"together": [part.identity for part in parts]})


def beside_printed(table: pd.DataFrame) -> pd.DataFrame:
    """One row for each arm and measure: mean, sd, least and largest over the seeds of `runs`, and what was printed."""
    rows = []
    for arm, own in table.groupby("arm", sort=False):
        for measure, printed in zip(MEASURES, PRINTED[str(arm)], strict=True):
            values = own[measure].to_numpy(dtype=np.float64)
            spread = {"mean": values.mean(), "sd": values.std(ddof=1), "least": values.min(), "largest": values.max()}
            rows.append({"arm": arm, "measure": measure, **spread, "printed": printed})
    return pd.DataFrame(rows)


def as_text(beside: pd.DataFrame) -> pd.DataFrame:
    """`beside_printed` to read: a row for each measure, "mean ± sd (printed)" in the column of each arm."""

    def cell(row: pd.Series) -> str:
        places = 0 if row["mean"] > 1 else 3
        return f"{row['mean']:.{places}f} ± {row['sd']:.{places}f} ({row['printed']:.{places}f})"

    texts = beside.assign(text=beside.apply(cell, axis=1)).pivot(index="measure", columns="arm", values="text")
    return texts.loc[list(MEASURES), list(PRINTED)].reset_index()
