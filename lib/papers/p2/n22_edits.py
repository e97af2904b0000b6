"""Paper 2, notebook 22: dictionaries of what multimodal LLMs make of pictures and words, and the edits made of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from lib.base.files import cached
from lib.data.scenes.partners import kinds_in, paired_layout, paired_picture
from lib.data.scenes.questions import Question, ask_kind, describe, list_kinds
from lib.data.scenes.scene_pairs import layout_of, picture_of
from lib.data.scenes.scene_words import KINDS
from lib.editing.concept_decoding import ConceptEdit, mean_representations
from lib.editing.pictures_read import PicturesRead
from lib.encoders.embeddings import Embeddings
from lib.encoders.llava import Llava, load_llava
from lib.encoders.training.paired_llava import second_turn
from lib.papers.p2.n22_partners import LIST, answers_to, paired_llava
from lib.sae.config import TrainConfig, TwoTowerConfig
from lib.sae.models.auxiliary import Similarity, train_auxiliaries
from lib.sae.models.two_towers import TOWERS, TwoTowers
from lib.sae.training.train import train_cached
from lib.sae.training.train_ahead import Run, train_ahead
from lib.worlds.session import Session

EDITED_LAYER = 2
"""Block whose output is read and edited: the last but one of four, where the paper has number 29 of 32."""

_PAIRS, _WIDTH, _K, _STEPS, _BATCH, _RATE = 600, 1024, 16, 300, 128, 1e-3

MIXINGS = ("additive", "convex")
"""Rules for mixing the picture's code into the words'."""


@cache
def scenes_llava() -> Llava:
    """The small multimodal LLM of the scenes world."""
    return load_llava("scenes-llava")


def first_pictures(split: str, count: int) -> list[Image.Image]:
    """The first pictures of a split of the plain scenes."""
    return [Image.fromarray(picture_of(split, 0, row)) for row in range(count)]


def plain_representations() -> Embeddings:
    """Means of plain training scenes and of their plainest descriptions at EDITED_LAYER, computed once and cached."""
    model = scenes_llava()
    key = {"llava": model.identity, "layer": EDITED_LAYER, "pairs": _PAIRS, "version": 1}

    def build(folder: Path) -> None:
        texts = [describe(layout_of("train", 0, row)).answer for row in range(_PAIRS)]
        image, text = mean_representations(model, first_pictures("train", _PAIRS), texts, EDITED_LAYER)
        np.save(folder / "image.npy", image.numpy())
        np.save(folder / "text.npy", text.numpy())

    folder = cached("llava", key, build)
    image, text = (np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("image", "text"))
    return Embeddings(np.arange(_PAIRS).astype(str), image, text, model.name, normalised=False, identity=key)


@dataclass(frozen=True)
class PairedRepresentations:
    """What `paired-llava` makes of paired training scenes, with a question after the true list of each."""

    identity: dict[str, Any]
    """What decides the numbers."""
    images: np.ndarray
    """Mean picture token behind each block, float32 (blocks, scenes, d)."""
    words: np.ndarray
    """All words at EDITED_LAYER, one scene's after the other's, float32 (words, d)."""
    counts: np.ndarray
    """How many words each scene has, int64 (scenes,)."""
    kinds: np.ndarray
    """Which kinds are in each scene, float64 (scenes, kinds)."""

    def rows(self, each: bool) -> Embeddings:
        """Pairs of picture and words for a dictionary; each: of picture and word, else of picture and mean word."""
        image, text = self.images[EDITED_LAYER], self.words
        if each:
            image = np.repeat(image, self.counts, axis=0)
        else:
            starts = np.cumsum(self.counts) - self.counts
            text = np.add.reduceat(text, starts, axis=0) / self.counts[:, None].astype(np.float32)
        identity = {**self.identity, "each": each}
        return Embeddings(np.arange(len(text)).astype(str), image, text, paired_llava().name, False, identity)


@cache
def paired_representations() -> PairedRepresentations:
    """Computed once and cached."""
    model = paired_llava()
    key = {"llava": model.identity, "layer": EDITED_LAYER, "pairs": _PAIRS, "paired": True, "version": 1}
    there = [kinds_in(paired_layout("train", 0, row)) for row in range(_PAIRS)]

    def build(folder: Path) -> None:
        pictures = PicturesRead(model, [Image.fromarray(paired_picture("train", 0, row)) for row in range(_PAIRS)])
        words, real = pictures.words([_told_and_asked(row, kinds) for row, kinds in enumerate(there)])
        behind = answers_to(pictures, torch.arange(_PAIRS), words, real).behind[EDITED_LAYER]
        np.save(folder / "images.npy", torch.stack(pictures.image).numpy())
        np.save(folder / "words.npy", behind[real].numpy())
        np.save(folder / "counts.npy", real.sum(dim=1).numpy())

    folder = cached("llava", key, build)
    images, words, counts = (
        np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("images", "words", "counts")
    )
    kinds = np.array([[float(kind in shown) for kind in range(len(KINDS))] for shown in there])
    return PairedRepresentations(key, images, words, counts, kinds)


def _told_and_asked(row: int, there: set[int]) -> str:
    """The true list of a training scene, and a question about a kind that is there (odd rows) or is not."""
    asked = sorted(there) if row % 2 else [kind for kind in range(len(KINDS)) if kind not in there]
    opening = Question("list", LIST, list_kinds(paired_layout("train", 0, row)).answer)
    return second_turn(opening, ask_kind(asked[7 * row % len(asked)], bool(row % 2)).prompt)


def train_edits(
    session: Session,
    rows: Embeddings,
    *,
    similarity: Similarity = "cosine",
    each: bool = False,
    auxiliary_steps: int = _STEPS,
    steps: int = _STEPS,
) -> dict[tuple[str, int], ConceptEdit]:
    """Train auxiliary autoencoder and VL-SAE with every seed, and make an edit per mixing rule: by rule and seed.

    each: the edits shift each word by itself. Longer trainings answer no more dev questions, see `n22_lengths`.
    """
    auxiliaries = train_auxiliaries(rows, session.seeds, session.workers, similarity=similarity, steps=auxiliary_steps)
    vl_sae = TwoTowerConfig("vl_sae", _WIDTH, _K)
    config = TrainConfig(vl_sae, steps=steps, batch=_BATCH, lr=_RATE, dead_after=3 * len(rows))
    runs = {
        seed: Run(replace(config, seed=seed), auxiliary.common(rows), TOWERS) for seed, auxiliary in auxiliaries.items()
    }
    train_ahead(runs.values())
    made: dict[tuple[str, int], ConceptEdit] = {}
    for seed, run in runs.items():
        sae = train_cached(*run).sae
        assert isinstance(sae, TwoTowers)
        for mixing in MIXINGS:
            edit = ConceptEdit(auxiliaries[seed], sae, EDITED_LAYER, mixing, each)  # type: ignore[arg-type]
            made[f"concepts, {mixing}", seed] = edit
    return made
