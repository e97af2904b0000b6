"""Paper 4, claims 2 and 3: which facts can be read from edited embeddings, and whether a caption can plant its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lib.base.progress import progress
from lib.base.vectors import normalise_rows
from lib.data.procedural import SILENT
from lib.editing.edited_scores import edited_embeddings
from lib.editing.masker import ImageSide
from lib.editing.masks import exchange_masks
from lib.papers.p4.editing_pairs import training_pairs
from lib.papers.p4.editors import Editor, find_editor, image_side
from lib.papers.p4.oracle_masks import ORACLE, Oracle, oracle_of
from lib.worlds.caption_factors import factors_of
from lib.worlds.dialled_captions import Captioned, caption_pictures, contradict_captions
from lib.worlds.session import Session

RIDGE = 1e-2
"""Ridge penalty of the probes, in units of the mean squared entry of their input."""

LYING = ("unedited", "masker", "masker + text", ORACLE)
"""Arms in which a caption's wrong value is looked for."""


@dataclass(frozen=True)
class Probe:
    """A linear read-out of one factor: ridge regression on one-hot values, with an intercept."""

    weights: np.ndarray
    """(d + 1, values) weights; the last row is the intercept."""

    def read(self, x: np.ndarray) -> np.ndarray:
        """(n,) value that the probe reads from each row of x (n, d)."""
        return (np.column_stack([x, np.ones(len(x))]) @ self.weights).argmax(axis=1)


class Probes:
    """Rows that probes of several factors are fitted to, which share what does not depend on the labels."""

    def __init__(self, x: np.ndarray) -> None:
        """x: rows (n, d)."""
        self._rows = np.column_stack([x, np.ones(len(x))]).astype(np.float64)
        penalty = RIDGE * np.square(x, dtype=np.float64).mean() * len(x)
        self._gram = self._rows.T @ self._rows + penalty * np.diag(np.append(np.ones(x.shape[1]), 0.0))

    def fit(self, labels: np.ndarray, values: int) -> Probe:
        """Fit a probe to labels (n,) from 0 to values - 1."""
        return Probe(np.linalg.solve(self._gram, self._rows.T @ np.eye(values)[labels]))


def probe_inputs(images: ImageSide, masks: Tensor | None) -> np.ndarray:
    """Unit embeddings (n, d) of pictures, each edited by its row of masks; unedited for masks None."""
    if masks is None:
        return images.embeddings.numpy()
    return normalise_rows("edited embeddings", edited_embeddings(images.edited, masks.double()).numpy())


def own_masks(editors: Sequence[Editor], seed: int, captions: Captioned, oracle: Oracle) -> dict[str, Tensor | None]:
    """Masks by which each arm edits pictures with their own captions; None for the unedited arm."""
    masker = find_editor(editors, "masker", seed).masker
    masks = masker.read(captions.text)[1]
    return {
        "unedited": None,
        "all latents kept": torch.ones_like(masks),
        "masker": masks,
        "masker + text": find_editor(editors, "masker + text", seed).masker.read(captions.text)[1],
        "constant mask": find_editor(editors, "constant mask", seed).masker.read(captions.text)[1],
        "other caption's mask": exchange_masks(masks, np.random.default_rng(seed)),
        ORACLE: oracle.masks(captions.dialled.asserted),
    }


def factor_probe_table(session: Session, editors: Sequence[Editor], test: Captioned) -> pd.DataFrame:
    """Accuracy of probes on edited pictures, one row per arm, seed, factor and whether the caption mentions it (told).

    accuracy: of a probe trained on train pictures edited the same way, told and untold together. apart: of one
    trained on the told, or untold, alone. transferred: of one trained on unedited pictures. majority: of the most
    frequent value.
    """
    train, factors, rows = training_pairs(session), factors_of(session), []
    for seed in progress(session.seeds, desc="probes"):
        editor = find_editor(editors, "masker", seed)
        oracle = oracle_of(session, editor.sae)
        masks = own_masks(editors, seed, train, oracle), own_masks(editors, seed, test, oracle)
        shown, unseen = (image_side(editor, captions.embeddings) for captions in (train, test))
        numbers = {name: factors.names.index(name) for name in factors.probed}
        unedited = Probes(probe_inputs(shown, None))
        plain = {name: unedited.fit(_labels(train, f)[0], factors.values[f]) for name, f in numbers.items()}
        for arm in masks[0]:
            x, y = probe_inputs(shown, masks[0][arm]), probe_inputs(unseen, masks[1][arm])
            mixed = Probes(x)
            for name, f in numbers.items():
                probes = mixed.fit(_labels(train, f)[0], factors.values[f]), plain[name]
                about = {"arm": arm, "seed": seed, "factor": name}
                rows += [about | row for row in _probe_rows(f, factors.values[f], (x, train), (y, test), probes)]
    return pd.DataFrame(rows)


def _probe_rows(
    f: int,
    values: int,
    train: tuple[np.ndarray, Captioned],
    test: tuple[np.ndarray, Captioned],
    probes: tuple[Probe, Probe],
) -> list[dict[str, float]]:
    """Rows of `factor_probe_table`. probes: of pictures edited in this way, and of unedited ones."""
    x, y = train[0], test[0]
    (labels, told), (right, said) = (_labels(captions, f) for captions in (train[1], test[1]))
    mixed, transferred = (probe.read(y) == right for probe in probes)
    rows = []
    for mentioned in (True, False):
        here, learnt = said == mentioned, told == mentioned
        apart = Probes(x[learnt]).fit(labels[learnt], values).read(y[here]) == right[here]
        majority = np.bincount(labels, minlength=values).argmax() == right[here]
        accuracy = {"accuracy": mixed[here].mean(), "apart": apart.mean(), "transferred": transferred[here].mean()}
        rows.append({"told": mentioned, **accuracy, "majority": majority.mean()})
    return rows


def _labels(captions: Captioned, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """(n,) values of a factor, and (n,) whether the captions mention it."""
    values = captions.dialled.codes[:, factor].astype(np.int64)
    return values, captions.dialled.asserted[:, factor] != SILENT


def contradiction_table(session: Session, editors: Sequence[Editor], told: int, n: int) -> pd.DataFrame:
    """Record what probes read from pictures edited by captions with one wrong value, per arm, seed and factor.

    wrong, right: share of pictures in which the probe reads the caption's value, and the picture's. by_chance: share
    in which it reads that same wrong value when the true caption edits. mask: share in which a probe of the mask alone,
    trained on true captions, reads the caption's value. pictures: their number.
    """
    train, test = training_pairs(session), caption_pictures(session, "test", n, told)
    factors, rows = factors_of(session), []
    oracles = {seed: oracle_of(session, find_editor(editors, "masker", seed).sae) for seed in session.seeds}
    learnt = {seed: _read_arms(editors, seed, train, oracles[seed]) for seed in session.seeds}
    edited = {seed: {arm: Probes(x) for arm, (_, x) in arms.items()} for seed, arms in learnt.items()}
    for name in progress(factors.wrong, desc="contradictions"):
        f = factors.names.index(name)
        false, kept = contradict_captions(session, test, f)
        true = Captioned(test.dialled.rows(kept), test.embeddings.rows(kept, "told"))
        right, _ = _labels(false, f)
        wrong = false.dialled.asserted[:, f]
        labels, said = _labels(train, f)
        for seed in session.seeds:
            lied, told_truth = (_read_arms(editors, seed, captions, oracles[seed]) for captions in (false, true))
            about = {"seed": seed, "factor": name, "pictures": len(kept)}
            for arm, (masks, _) in learnt[seed].items():
                probe = edited[seed][arm].fit(labels, factors.values[f])
                read, chance = probe.read(lied[arm][1]), probe.read(told_truth[arm][1])
                row = {"wrong": (read == wrong).mean(), "right": (read == right).mean()}
                row |= {"by_chance": (chance == wrong).mean(), "mask": np.nan}
                if masks is not None:
                    of_masks = Probes(masks[said].numpy()).fit(labels[said], factors.values[f])
                    row["mask"] = (of_masks.read(lied[arm][0].numpy()) == wrong).mean()  # type: ignore[union-attr]
                rows.append({"arm": arm, **about, **row})
    return pd.DataFrame(rows)


def _read_arms(
    editors: Sequence[Editor], seed: int, captions: Captioned, oracle: Oracle
) -> dict[str, tuple[Tensor | None, np.ndarray]]:
    """Masks of captions, and the pictures that each edits (n, d), by the arms whose lies are looked for."""
    masks = own_masks(editors, seed, captions, oracle)
    images = image_side(find_editor(editors, "masker", seed), captions.embeddings)
    return {arm: (masks[arm], probe_inputs(images, masks[arm])) for arm in LYING}
