"""Paper 4: captions with a dial, the dictionary, and maskers of every arm, trained on the train split only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch

from lib.data.errors import NotAvailable
from lib.data.progress import progress
from lib.data.scenes import scenes
from lib.data.scenes.dial import MIXED, Dialled, dial
from lib.editing.masker import ImageSide, Masker, MaskerConfig
from lib.editing.train_masker import train_masker_cached
from lib.encoders.embeddings import Embeddings
from lib.encoders.store import embed
from lib.run.start import Session
from lib.run.studies.dictionaries import Recipe, fit, training_run
from lib.run.worlds import Scenes
from lib.sae.base import SAE
from lib.sae.train_ahead import train_ahead

TRAIN, TEST = 5000, 500
"""Scenes for training maskers and probes, and test scenes of the dial."""

TOLD = (1, 2, 3, 4, 6, 8, 12)
"""Facts a caption tells: the dial."""

DICTIONARY = Recipe("topk", 2, 16)
"""TEVI's recipe is TopK; width and K are ours. The K at which nine tenths of the variance are explained."""

ARMS: dict[str, MaskerConfig] = {
    "masker": MaskerConfig(),
    "masker + text": MaskerConfig(text_head=True),
    "text only": MaskerConfig("none", text_head=True),
    "constant mask": MaskerConfig("constant"),
    "dimension mask": MaskerConfig("dimensions"),
    "latent query": MaskerConfig("query"),
    "leaky training": MaskerConfig("leaky"),
}
"""What is trained, all on the same pairs for the same steps; stage A is `masker`, stage B `masker + text`."""


@dataclass(frozen=True)
class Captioned:
    """Scenes with captions of the dial, and unit embeddings of both."""

    dialled: Dialled
    embeddings: Embeddings

    @property
    def image(self) -> np.ndarray:
        """(n, d) picture embeddings."""
        return self.embeddings.tower("image")

    @property
    def text(self) -> np.ndarray:
        """(n, d) caption embeddings."""
        return self.embeddings.tower("text")


@dataclass(frozen=True)
class Editor:
    """A dictionary and a masker on top of it."""

    arm: str
    seed: int
    sae: SAE
    masker: Masker


def has_dial(session: Session) -> bool:
    """Whether the world's captions can be made to tell more or less."""
    return isinstance(session.world, Scenes)


def scenes_world(session: Session) -> Scenes:
    """The session's world, if its captions have a dial."""
    if not has_dial(session):
        raise NotAvailable(f"world {session.world.name} has no caption dial; use profile scenes")
    return session.world


def captioned(session: Session, split: str, n: int, told: int) -> Captioned:
    """The first n scenes of a split with captions that tell `told` facts."""
    return with_embeddings(session, split, dial_once(split, n, told))


@cache
def dial_once(split: str, n: int, told: int) -> Dialled:
    """`dial`, kept: several sections ask for the same captions."""
    return dial(split, n, told)


def with_embeddings(session: Session, split: str, dialled: Dialled, rows: np.ndarray | None = None) -> Captioned:
    """Embed the captions; the pictures' rows come from the world's split: the first ones, or those in `rows`."""
    world = scenes_world(session)
    text = embed(dialled.pairs, world.encoder, towers=("text",)).unit().tower("text")
    whole = world.embeddings(split).tower("image")
    image = np.asarray(whole[: len(text)] if rows is None else whole[rows])
    identity = {"pairs": dialled.pairs.identity, "encoder": world.encoder.identity, "unit": True}
    return Captioned(dialled, Embeddings(dialled.pairs.ids, image, np.asarray(text), "scenes-clip", True, identity))


def training_pairs(session: Session) -> Captioned:
    """TRAIN train scenes, each with one caption that tells any number of facts."""
    return captioned(session, "train", TRAIN, MIXED)


def masker_pairs(session: Session) -> Embeddings:
    """What maskers train on: `training_pairs`; without a dial the train split, each picture with its first caption."""
    return training_pairs(session).embeddings if has_dial(session) else session.world.embeddings("train")


def dictionary(session: Session, seed: int, recipe: Recipe = DICTIONARY) -> SAE:
    """The dictionary of a seed, frozen."""
    return fit(session, recipe, seed).sae


def fit_editors(session: Session, arms: Mapping[str, MaskerConfig] = ARMS, recipe: Recipe = DICTIONARY) -> list[Editor]:
    """Every arm with every seed of the session, on the same training pairs; dictionary and masker share the seed."""
    pairs = masker_pairs(session)
    runs = [(arm, seed) for arm in arms for seed in session.seeds]
    train_ahead((training_run(session, recipe, seed) for seed in session.seeds), session.device)
    editors = []
    for arm, seed in progress(runs, desc="maskers"):
        sae = dictionary(session, seed, recipe)
        masker = train_masker_cached(replace(arms[arm], seed=seed), sae, pairs).masker
        editors.append(Editor(arm, seed, sae, masker))
    return editors


def of_seed(editors: Iterable[Editor], arm: str, seed: int) -> Editor:
    """The editor of an arm and a seed."""
    return next(e for e in editors if (e.arm, e.seed) == (arm, seed))


def image_side(editor: Editor, embeddings: Embeddings) -> ImageSide:
    """Pictures as the editor's scores need them, in float64."""
    return ImageSide.of(editor.sae, embeddings, editor.masker.config.rho, dtype=torch.float64)


def long_captions(session: Session, split: str, n: int) -> Embeddings:
    """Pictures with the second, long caption of the world's pairs."""
    world, pairs = scenes_world(session), scenes(split, n)
    assert pairs.captions is not None
    identity = {**pairs.identity, "caption": "long"}
    long = replace(pairs, captions=tuple((texts[1],) for texts in pairs.captions), identity=identity, facts=None)
    text = embed(long, world.encoder, towers=("text",)).unit().tower("text")
    image = np.asarray(world.embeddings(split).tower("image")[:n])
    return Embeddings(pairs.ids, image, np.asarray(text), "scenes-clip", True, {"pairs": identity, "unit": True})
