"""Paper 4: retrieval by text-edited images along the caption dial, and every control at one setting of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lib.data.progress import progress
from lib.editing.leaky import leaky_scores
from lib.editing.masker import ImageSide
from lib.editing.masks import caption_code_masks, hard_masks, other_captions, shuffled_latents
from lib.metrics.retrieval import Retrieval, rank_scores, top_is_true
from lib.run.start import Session
from lib.run.studies.text_editing import ARMS, Captioned, Editor, captioned, image_side, of_seed, training_pairs

AT = 6
"""Facts told where the controls are compared: half of what there is to tell."""

CURVES = ("masker", "masker + text", "text only")
"""Trained arms along the dial."""


def dial_table(session: Session, editors: Sequence[Editor], told: Sequence[int], n: int) -> pd.DataFrame:
    """One row for each arm, seed and number of facts told: R@1 of the exact pair, and of any true candidate."""
    rows = []
    for facts in progress(told, desc="caption dial"):
        test = captioned(session, "test", n, facts)
        holds = test.dialled.holds()
        for seed in session.seeds:
            images = image_side(of_seed(editors, "masker", seed), test.embeddings)
            scores = {"unedited": unedited(test), "all latents kept": kept_all(images, test.text)}
            for arm in CURVES:
                scores[arm] = of_seed(editors, arm, seed).masker.scores(images, test.text)
            rows += [{"told": facts, "arm": arm, "seed": seed} | recalls(s, holds) for arm, s in scores.items()]
    return pd.DataFrame(rows)


def recalls(scores: np.ndarray, holds: np.ndarray) -> dict[str, float]:
    """R@1 of scores (images, captions) whose diagonal is right, in percent.

    i2t, t2i: the exact pair, ties by average rank. true_i2t, true_t2i: any caption that is true of the picture, any
    picture of which the caption is. holds: bool (captions, images).
    """
    ranks = exact(scores)
    numbers = {
        "i2t": ranks.image_to_text.recall(1),
        "t2i": ranks.text_to_image.recall(1),
        "true_i2t": float(top_is_true(scores, holds.T).mean()),
        "true_t2i": float(top_is_true(scores.T, holds).mean()),
    }
    return {name: 100 * value for name, value in numbers.items()}


def exact(scores: np.ndarray) -> Retrieval:
    """Ranks from scores (n, n) whose diagonal is right."""
    return rank_scores([scores], np.diag(scores).copy(), np.arange(len(scores)))


def unedited(test: Captioned) -> np.ndarray:
    """Cosines of pictures and captions as the encoder gives them, float64."""
    return test.image.astype(np.float64) @ test.text.astype(np.float64).T


def kept_all(images: ImageSide, text: np.ndarray) -> np.ndarray:
    """All masks 1: the dictionary's reconstruction and no edit."""
    width = len(images.edited.atoms) - 1
    return scored(images, text, torch.ones(len(text), width))


def scored(images: ImageSide, text: np.ndarray, masks: Tensor) -> np.ndarray:
    """Scores (n, m) of captions that are not tuned, by any masks; float64."""
    return images.edited.block(slice(None), text, masks).numpy().astype(np.float64)


def control_table(session: Session, editors: Sequence[Editor], n: int, told: int = AT) -> pd.DataFrame:
    """One row for each arm or control and each seed, at one setting of the dial: the columns of `recalls`."""
    test, train = captioned(session, "test", n, told), training_pairs(session)
    holds, rows = test.dialled.holds(), []
    for seed in progress(session.seeds, desc="controls"):
        editor = of_seed(editors, "masker", seed)
        images = image_side(editor, test.embeddings)
        scores = {
            "unedited": unedited(test),
            "centred": centred(test, train),
            "all latents kept": kept_all(images, test.text),
        }
        scores |= {arm: of_seed(editors, arm, seed).masker.scores(images, test.text) for arm in ARMS}
        scores |= mask_controls(editor, images, test, train, seed)
        scores |= leaks(of_seed(editors, "leaky training", seed), images, test, seed)
        rows += [{"arm": arm, "seed": seed} | recalls(s, holds) for arm, s in scores.items()]
    return pd.DataFrame(rows)


def centred(test: Captioned, train: Captioned) -> np.ndarray:
    """Cosines after the means of the training rows are taken from each modality."""
    parts = []
    for tower in ("image", "text"):
        rows = getattr(test, tower).astype(np.float64) - getattr(train, tower).mean(axis=0)
        parts.append(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    return parts[0] @ parts[1].T


def mask_controls(
    editor: Editor, images: ImageSide, test: Captioned, train: Captioned, seed: int
) -> dict[str, np.ndarray]:
    """Scores by masks that lack what the masker learnt: other captions', random, mean, hard, and untrained ones."""
    rng = np.random.default_rng(seed)
    _, masks = editor.masker.read(test.text)
    _, trained = editor.masker.read(train.text)
    means = train.text.mean(axis=0), train.image.mean(axis=0)
    made = {
        "other caption's mask": other_captions(masks, rng),
        "random mask": shuffled_latents(masks, rng),
        "mean mask": trained.mean(dim=0).expand(len(masks), -1),
        "hard mask": hard_masks(masks, masks.shape[1] // 4),
        "caption's own code": caption_code_masks(editor.sae, test.text, *means),
    }
    return {name: scored(images, test.text, mask) for name, mask in made.items()}


def leaks(editor: Editor, images: ImageSide, test: Captioned, seed: int) -> dict[str, np.ndarray]:
    """Shuffled and constant pictures under all-pairs scoring, and the leaky score with right and shuffled pictures.

    All by the masker that was trained with the leaky score, which has the most to leak.
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
    edited = np.einsum("jk,ik,kd->ijd", masks, codes, atoms) + bias
    dots = np.einsum("ijd,jd->ij", edited, test.text[:pairs].astype(np.float64))
    lengths = np.linalg.norm(edited, axis=2) * np.linalg.norm(test.text[:pairs].astype(np.float64), axis=1)
    return float(np.abs(fast - dots / lengths).max())
