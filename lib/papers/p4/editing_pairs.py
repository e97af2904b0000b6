"""Paper 4: the pairs that probes and maskers learn from, and those on which a training chooses its step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lib.data.scenes.dial import MIXED
from lib.encoders.embeddings import Embeddings
from lib.papers.p4.settings import setting_of
from lib.worlds.caption_factors import has_dial
from lib.worlds.dialled_captions import Captioned, caption_pictures
from lib.worlds.session import Session
from lib.worlds.world import World

TRAINING_SCENES, PROBE_SCENES = 20000, 5000
"""Train pictures for maskers and for probes at most."""

DEV_CAPTIONS = 500
"""Dev pairs on which a training chooses its step."""


def training_pairs(session: Session) -> Captioned:
    """Train pictures for probes and means, each with one caption of any number of facts: the maskers' first ones."""
    whole = caption_pictures(session, "train", min(TRAINING_SCENES, session.world.size("train")), MIXED)
    rows = np.arange(min(PROBE_SCENES, len(whole.text)))
    return Captioned(whole.dialled.rows(rows), whole.embeddings.rows(rows, f"first {len(rows)}"))


def masker_pairs(session: Session) -> list[Embeddings]:
    """Pairs that maskers train on: the same pictures with other captions, for one epoch each.

    With a dial, captions tell any number of facts; in other worlds they are those that each picture of the train split
    has. Where the encoder itself has learnt that split, they are those of the dev split, all but its last fifth.
    """
    world = session.world
    if has_dial(session):
        size, count = min(TRAINING_SCENES, world.size("train")), setting_of(session).captions
        return [caption_pictures(session, "train", size, MIXED, caption).embeddings for caption in range(count)]
    if world.learnt_split == "train":
        return _each_caption(world, "dev", slice(0, 4 * world.size("dev") // 5))
    return _each_caption(world, "train", slice(0, world.size("train")))


def dev_pairs(session: Session) -> Embeddings:
    """Pairs on which a training chooses its step: with a dial, dev captions of any number of facts."""
    world = session.world
    if has_dial(session):
        return caption_pictures(session, "dev", min(DEV_CAPTIONS, world.size("dev")), MIXED).embeddings
    if world.learnt_split == "train":
        return _each_caption(world, "dev", slice(4 * world.size("dev") // 5, world.size("dev")))[0]
    return world.embeddings("dev")


def _each_caption(world: World, split: str, rows: slice) -> list[Embeddings]:
    """Rows of a split, once with each of their captions."""
    whole, texts = world.embeddings(split), world.caption_embeddings(split)
    numbers = np.arange(len(whole))[rows]
    some = whole.rows(numbers, f"{rows.start} to {rows.stop}")
    return [
        replace(some, text=texts[numbers, caption], identity={**some.identity, "caption": caption})
        for caption in range(texts.shape[1])
    ]
