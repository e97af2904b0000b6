"""Paper 4: retrieval by text-edited images along the caption dial, and every control at one setting of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from lib.base.progress import progress
from lib.base.vectors import normalise_rows
from lib.editing.leaky import leaky_scores
from lib.editing.masker import ImageSide
from lib.editing.masks import caption_code_masks, exchange_masks, hard_masks, shuffle_latents
from lib.papers.p4.baseline_scores import masked_scores, reconstruction_scores, unedited_scores
from lib.papers.p4.dial_recalls import dial_recalls
from lib.papers.p4.editing_pairs import training_pairs
from lib.papers.p4.editors import Editor, find_editor, image_side
from lib.papers.p4.oracle_masks import ORACLE, Oracle
from lib.papers.p4.settings import EDITS, HALF_TOLD
from lib.worlds.dialled_captions import Captioned, caption_pictures
from lib.worlds.session import Session

CURVES = ("masker", "masker + text", "text only")
"""Trained arms that are measured along the dial."""


def dial_table(
    session: Session, editors: Sequence[Editor], oracles: Mapping[int, Oracle], told: Sequence[int], n: int
) -> pd.DataFrame:
    """R@1 along the dial, one row per arm, seed and number of facts told: columns of `dial_recalls`.

    oracles: by seed.
    """
    rows = []
    for facts in progress(told, desc="caption dial"):
        test = caption_pictures(session, "test", n, facts)
        holds = test.dialled.holds()
        for seed in session.seeds:
            images = image_side(find_editor(editors, "masker", seed), test.embeddings)
            scores = {"unedited": unedited_scores(test), "all latents kept": reconstruction_scores(images, test.text)}
            masks = find_editor(editors, "masker", seed).masker.read(test.text)[1]
            exchanged = exchange_masks(masks, np.random.default_rng(seed))
            scores["other caption's mask"] = masked_scores(images, test.text, exchanged)
            scores[ORACLE] = masked_scores(images, test.text, oracles[seed].masks(test.dialled.asserted))
            for arm in CURVES:
                scores[arm] = find_editor(editors, arm, seed).masker.scores(images, test.text)
            rows += [{"told": facts, "arm": arm, "seed": seed} | dial_recalls(s, holds) for arm, s in scores.items()]
    return pd.DataFrame(rows)


def control_table(
    session: Session, editors: Sequence[Editor], oracles: Mapping[int, Oracle], n: int, told: int = HALF_TOLD
) -> pd.DataFrame:
    """R@1 of arms and controls at one setting of the dial, one row per arm and seed: columns of `dial_recalls`.

    oracles: by seed.
    """
    test, train = caption_pictures(session, "test", n, told), training_pairs(session)
    holds, rows = test.dialled.holds(), []
    for seed in progress(session.seeds, desc="controls"):
        editor = find_editor(editors, "masker", seed)
        images = image_side(editor, test.embeddings)
        scores = {
            "unedited": unedited_scores(test),
            "centred": centred_scores(test, train),
            "all latents kept": reconstruction_scores(images, test.text),
        }
        for arm in EDITS:
            mine = find_editor(editors, arm, seed)
            scores[arm] = mine.masker.scores(image_side(mine, test.embeddings), test.text)
        scores[ORACLE] = masked_scores(images, test.text, oracles[seed].masks(test.dialled.asserted))
        scores |= mask_controls(editor, images, test, train, seed)
        scores |= leak_scores(find_editor(editors, "leaky training", seed), images, test, seed)
        rows += [{"arm": arm, "seed": seed} | dial_recalls(s, holds) for arm, s in scores.items()]
    return pd.DataFrame(rows)


def centred_scores(test: Captioned, train: Captioned) -> np.ndarray:
    """Cosines after the mean of the training rows is subtracted from each modality."""
    parts = []
    for tower in ("image", "text"):
        rows = getattr(test, tower).astype(np.float64) - getattr(train, tower).mean(axis=0)
        parts.append(normalise_rows(tower, rows))
    return parts[0] @ parts[1].T


def mask_controls(
    editor: Editor, images: ImageSide, test: Captioned, train: Captioned, seed: int
) -> dict[str, np.ndarray]:
    """Scores by control masks: another caption's, random, mean, hard, and untrained ones."""
    rng = np.random.default_rng(seed)
    _, masks = editor.masker.read(test.text)
    _, trained = editor.masker.read(train.text)
    means = train.text.mean(axis=0), train.image.mean(axis=0)
    made = {
        "other caption's mask": exchange_masks(masks, rng),
        "random mask": shuffle_latents(masks, rng),
        "mean mask": trained.mean(dim=0).expand(len(masks), -1),
        "hard mask": hard_masks(masks, masks.shape[1] // 4),
        "caption's own code": caption_code_masks(editor.sae, test.text, *means),
    }
    return {name: masked_scores(images, test.text, mask) for name, mask in made.items()}


def leak_scores(editor: Editor, images: ImageSide, test: Captioned, seed: int) -> dict[str, np.ndarray]:
    """Scores of shuffled and constant pictures, and leaky scores of right and of shuffled pictures.

    The masker is the one that was trained with the leaky score, which leaks most.
    """
    n = len(images)
    shift = np.roll(np.arange(n), 1 + seed)
    mean = images[np.zeros(n, int)]
    masks = editor.masker.read(test.text)[1].double()
    text = torch.from_numpy(test.text).double()
    return {
        "shuffled pictures": editor.masker.scores(images[shift], test.text),
        "one picture for all": editor.masker.scores(mean, test.text),
        "leaky score": leaky_scores(images.edited, text, masks).numpy(),
        "leaky score, shuffled": leaky_scores(images[shift].edited, text, masks).numpy(),
    }


def brute_force_difference(editor: Editor, test: Captioned, pairs: int = 20) -> float:
    """Largest |fast score - score of the decoded edit| over all pairs of the first `pairs` pictures and captions."""
    some = test.embeddings.rows(np.arange(pairs), f"first {pairs}")
    fast = editor.masker.scores(image_side(editor, some), test.text[:pairs])
    codes = editor.sae.codes(some).dense().astype(np.float64)
    masks = editor.masker.read(test.text[:pairs])[1].numpy().astype(np.float64)
    atoms, bias = (part.detach().numpy().astype(np.float64) for part in (editor.sae.W_dec, editor.sae.b_dec))
    left = some.tower("image") - editor.sae.reconstruct(editor.sae.codes(some))
    edited = np.einsum("jk,ik,kd->ijd", masks, codes, atoms) + bias + editor.masker.config.rho * left[:, None]
    dots = np.einsum("ijd,jd->ij", edited, test.text[:pairs].astype(np.float64))
    lengths = np.linalg.norm(edited, axis=2) * np.linalg.norm(test.text[:pairs].astype(np.float64), axis=1)
    return float(np.abs(fast - dots / lengths).max())
