"""Paper 4: what the mask keeps, latent by latent, and what can be read from the edited embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from scipy.stats import rankdata
from torch import Tensor

from lib.data.errors import CompanionError
from lib.data.pairs import Facts
from lib.data.progress import progress
from lib.data.scenes.dial import contradict
from lib.data.scenes.grammar import FACTORS, SILENT, VALUES
from lib.data.scenes.world import facts_of
from lib.editing.edited_scores import edited_embeddings
from lib.editing.masker import ImageSide
from lib.editing.masks import caption_code_masks, other_captions
from lib.metrics.gap import modality_gap
from lib.run.start import Session
from lib.run.studies.latents import name_latents
from lib.run.studies.text_editing import (
    Captioned,
    Editor,
    captioned,
    image_side,
    of_seed,
    training_pairs,
    with_embeddings,
)

CLEAR = 0.5
"""Lift from which a latent counts as assigned to its fact."""

PROBED = ("kind", "colour", "texture", "size", "background", "pattern", "count")
"""Factors that the probes read; all scenes have them."""

WRONG = ("kind", "colour", "texture", "background", "pattern")
"""Factors of which captions are made to say a wrong value."""

RIDGE = 1e-2
"""Of the probes, in units of the mean squared entry of their input."""


def facts(captions: Captioned) -> Facts:
    """Truth and mention of every fact for captions of the dial."""
    truth = captions.dialled.truth
    return facts_of(replace(truth, asserted=captions.dialled.asserted[:, None]))


def selectivity_table(session: Session, editors: Sequence[Editor], test: Captioned) -> pd.DataFrame:
    """One row for each seed and kind of mask.

    auroc: of the mask as a sign that the caption tells a latent's fact, over the active latents of each picture whose
    fact is true of it. by_latent: the mean over latents of the AUROC over all captions. own, same_factor, untold:
    the mean mask of assigned latents where the caption tells their fact, another value of its factor, or neither.
    """
    train, said = training_pairs(session), facts(test)
    rows = []
    for seed in progress(session.seeds, desc="selectivity"):
        editor = of_seed(editors, "masker", seed)
        named = name_latents(editor.sae.codes(train.embeddings), facts(train))
        clear = named.lift > CLEAR
        if not clear.any():
            raise CompanionError(f"no latent of seed {seed} stands for a fact (lift above {CLEAR}); train it longer")
        latents = named.latent[clear]
        columns = np.array([said.names.index(fact) for fact, keep in zip(named.fact, clear, strict=True) if keep])
        active = editor.sae.codes(test.embeddings).dense()[:, latents] > 0
        means = train.text.mean(axis=0), train.image.mean(axis=0)
        masks = {arm: of_seed(editors, arm, seed).masker.read(test.text)[1] for arm in ("masker", "masker + text")}
        masks["other caption's mask"] = other_captions(masks["masker"], np.random.default_rng(seed))
        masks["caption's own code"] = caption_code_masks(editor.sae, test.text, *means)
        for arm, mask in masks.items():
            row = {"arm": arm, "seed": seed, "latents": len(latents)}
            rows.append(row | _selectivity(mask[:, latents].numpy(), active, said, columns))
    return pd.DataFrame(rows)


def _selectivity(masks: np.ndarray, active: np.ndarray, said: Facts, columns: np.ndarray) -> dict[str, float]:
    """masks, active: (n, latents); columns: the fact of each latent."""
    own = said.mentioned[:, 0, columns]
    factors = [said.group(said.names[column].split(":")[0]) for column in columns]
    factor = np.stack([said.mentioned[:, 0, group].any(axis=1) for group in factors], axis=1)
    shown = active & said.truth[:, columns]
    enough = (own.sum(axis=0) >= 5) & ((~own).sum(axis=0) >= 5)
    return {
        "auroc": float(aurocs(own[shown][:, None], masks[shown][:, None])[0]),
        "by_latent": float(aurocs(own[:, enough], masks[:, enough]).mean()),
        "own": float(masks[own].mean()),
        "same_factor": float(masks[factor & ~own].mean()),
        "untold": float(masks[~factor].mean()),
    }


def aurocs(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of each column, (m,), from labels bool (n, m) and scores (n, m); ties count half.

    By ranks (Mann-Whitney); a loop over scikit-learn's `roc_auc_score` gives the same and takes twenty times as long.
    """
    positive, ranks = labels.sum(axis=0), rankdata(scores, axis=0)
    pairs = positive * (len(labels) - positive)
    return ((ranks * labels).sum(axis=0) - positive * (positive + 1) / 2) / pairs


@dataclass(frozen=True)
class Probe:
    """A linear read-out of one factor: least squares on one-hot values, ridge, with an intercept."""

    weights: np.ndarray

    @classmethod
    def fit(cls, x: np.ndarray, labels: np.ndarray, values: int) -> Probe:
        """From rows x (n, d) and labels (n,) in 0 to values - 1."""
        z = np.column_stack([x, np.ones(len(x))]).astype(np.float64)
        penalty = RIDGE * np.square(x, dtype=np.float64).mean() * len(x)
        gram = z.T @ z + penalty * np.diag(np.append(np.ones(x.shape[1]), 0.0))
        return cls(np.linalg.solve(gram, z.T @ np.eye(values)[labels]))

    def read(self, x: np.ndarray) -> np.ndarray:
        """The value that rows (n, d) show, (n,)."""
        return (np.column_stack([x, np.ones(len(x))]) @ self.weights).argmax(axis=1)


def probe_inputs(images: ImageSide, masks: Tensor | None) -> np.ndarray:
    """Unit embeddings (n, d) of the pictures: unedited for masks None, else each edited by its row of masks."""
    if masks is None:
        return images.embeddings.numpy()
    edited = edited_embeddings(images.edited, masks.double()).numpy()
    return edited / np.linalg.norm(edited, axis=1, keepdims=True)


def own_masks(editors: Sequence[Editor], seed: int, captions: Captioned) -> dict[str, Tensor | None]:
    """Masks of each arm of the probes and of the gap for pictures with their captions; None where none is applied."""
    masker = of_seed(editors, "masker", seed).masker
    masks = masker.read(captions.text)[1]
    return {
        "unedited": None,
        "all latents kept": torch.ones_like(masks),
        "masker": masks,
        "masker + text": of_seed(editors, "masker + text", seed).masker.read(captions.text)[1],
        "constant mask": of_seed(editors, "constant mask", seed).masker.read(captions.text)[1],
        "other caption's mask": other_captions(masks, np.random.default_rng(seed)),
    }


def probe_table(session: Session, editors: Sequence[Editor], test: Captioned) -> pd.DataFrame:
    """One row for each arm, seed, factor and whether the caption tells it.

    accuracy: of a probe trained on train pictures edited the same way, told and untold together. apart: of one
    trained on the told, or untold, alone. transferred: of one trained on unedited pictures. majority: of the most
    frequent value.
    """
    train, rows = training_pairs(session), []
    for seed in progress(session.seeds, desc="probes"):
        editor = of_seed(editors, "masker", seed)
        masks = own_masks(editors, seed, train), own_masks(editors, seed, test)
        shown, unseen = (image_side(editor, captions.embeddings) for captions in (train, test))
        plain = probe_inputs(shown, None)
        for arm in masks[0]:
            x, y = probe_inputs(shown, masks[0][arm]), probe_inputs(unseen, masks[1][arm])
            for name in PROBED:
                about = {"arm": arm, "seed": seed, "factor": name}
                rows += [about | row for row in _probe_rows(name, (x, train), (y, test), plain)]
    return pd.DataFrame(rows)


def _probe_rows(
    name: str, train: tuple[np.ndarray, Captioned], test: tuple[np.ndarray, Captioned], plain: np.ndarray
) -> list[dict[str, float]]:
    f = FACTORS.index(name)
    (x, y), values = (train[0], test[0]), len(VALUES[f])
    (labels, told), (right, said) = (_labels(captions, f) for captions in (train[1], test[1]))
    mixed, transferred = (Probe.fit(rows, labels, values).read(y) == right for rows in (x, plain))
    rows = []
    for mentioned in (True, False):
        here = said == mentioned
        apart = Probe.fit(x[told == mentioned], labels[told == mentioned], values).read(y[here]) == right[here]
        majority = np.bincount(labels, minlength=values).argmax() == right[here]
        accuracy = {"accuracy": mixed[here].mean(), "apart": apart.mean(), "transferred": transferred[here].mean()}
        rows.append({"told": mentioned, **accuracy, "majority": majority.mean()})
    return rows


def _labels(captions: Captioned, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """The values of a factor, (n,), and whether the captions tell it."""
    values = captions.dialled.truth.scenes[:, factor].astype(np.int64)
    return values, captions.dialled.asserted[:, factor] != SILENT


def contradiction_table(session: Session, editors: Sequence[Editor], told: int, n: int) -> pd.DataFrame:
    """What probes read from pictures edited by captions with one wrong value; one row for each arm, seed and factor.

    wrong, right: share of pictures in which the probe reads the caption's value, and the picture's. by_chance: share
    in which it reads that same wrong value when the true caption edits. mask: share in which a probe of the mask alone,
    trained on true captions, reads the caption's value. pictures: their number.
    """
    train, test = training_pairs(session), captioned(session, "test", n, told)
    first = {seed: of_seed(editors, "masker", seed) for seed in session.seeds}
    learnt = {seed: image_side(editor, train.embeddings) for seed, editor in first.items()}
    rows = []
    for name in progress(WRONG, desc="contradictions"):
        f = FACTORS.index(name)
        dialled, kept = contradict(test.dialled, f)
        false = with_embeddings(session, "test", dialled, kept)
        true = Captioned(test.dialled, test.embeddings.rows(kept, "told"))
        right, _ = _labels(false, f)
        wrong = dialled.asserted[:, f]
        labels, said = _labels(train, f)
        for seed in session.seeds:
            pictures = image_side(first[seed], true.embeddings)
            masks = [own_masks(editors, seed, captions) for captions in (train, false, true)]
            about = {"seed": seed, "factor": name, "pictures": len(kept)}
            for arm in ("unedited", "masker", "masker + text"):
                x = probe_inputs(learnt[seed], masks[0][arm])
                y, base = (probe_inputs(pictures, mask[arm]) for mask in masks[1:])
                probe = Probe.fit(x, labels, len(VALUES[f]))
                read, chance = probe.read(y), probe.read(base)
                row = {"wrong": (read == wrong).mean(), "right": (read == right).mean()}
                row |= {"by_chance": (chance == wrong).mean(), "mask": np.nan}
                if arm != "unedited":
                    seen = masks[0][arm][said].numpy(), masks[1][arm].numpy()  # type: ignore[index,union-attr]
                    row["mask"] = (Probe.fit(seen[0], labels[said], len(VALUES[f])).read(seen[1]) == wrong).mean()
                rows.append({"arm": arm, **about, **row})
    return pd.DataFrame(rows)


def gap_table(session: Session, editors: Sequence[Editor], test: Captioned, n: int = 500) -> pd.DataFrame:
    """The modality gap of pictures, each edited by its own caption, and of the captions; one row for each arm and seed.

    matched, rmg, l2m: see `lib.metrics.gap`. wrong_pairs: mean cosine of a picture edited by another's caption with
    that caption, over all pairs of the first n: alignment that rises there, too, tells nothing apart.
    """
    rows = []
    some = Captioned(test.dialled, test.embeddings.rows(np.arange(n), f"first {n}"))
    for seed in progress(session.seeds, desc="gap"):
        editor = of_seed(editors, "masker", seed)
        images = image_side(editor, test.embeddings)
        few = own_masks(editors, seed, some)
        for arm, masks in own_masks(editors, seed, test).items():
            tuned = of_seed(editors, arm, seed).masker if arm == "masker + text" else None
            texts, queries = (c.text if tuned is None else tuned.read(c.text)[0].numpy() for c in (test, some))
            gap = modality_gap(probe_inputs(images, masks), texts)
            mask = few[arm]
            if mask is None:
                scores = some.image.astype(np.float64) @ some.text.astype(np.float64).T
            else:
                scores = images.edited.block(slice(n), queries, mask).numpy()
            wrong = (scores.sum() - np.trace(scores)) / (scores.size - len(scores))
            about = {"arm": arm, "seed": seed, "matched": gap.matched, "rmg": gap.rmg, "l2m": gap.l2m}
            rows.append(about | {"wrong_pairs": float(wrong)})
    return pd.DataFrame(rows)
