"""Pictures of a world with captions of the dial: as many facts told as one likes, or one of them told wrongly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from lib.data.atoms import MIXED as ANY_NUMBER
from lib.data.atoms import Atoms, contradict_atoms
from lib.data.scenes.dial import Dialled, contradict, dial
from lib.encoders.embeddings import Embeddings
from lib.worlds.atoms import AtomWorld, embed_atoms
from lib.worlds.caption_factors import scenes_of, scenes_world
from lib.worlds.scenes import Scenes
from lib.worlds.session import Session
from lib.worlds.world import World


@dataclass(frozen=True)
class Captioned:
    """Pictures with captions of the dial."""

    dialled: Dialled | Atoms
    """Pictures and captions, and their true facts."""
    embeddings: Embeddings
    """The unit embeddings of the pairs."""

    @property
    def image(self) -> np.ndarray:
        """(n, d) picture embeddings."""
        return self.embeddings.tower("image")

    @property
    def text(self) -> np.ndarray:
        """(n, d) caption embeddings."""
        return self.embeddings.tower("text")


def caption_pictures(session: Session, split: str, n: int, told: int, caption: int = 0) -> Captioned:
    """Caption the first n pictures of a split with `told` facts each, or MIXED numbers of them, and embed both."""
    return _captioned(session.world, split, n, told, caption)


@lru_cache(16)
def _captioned(world: World, split: str, n: int, told: int, caption: int) -> Captioned:
    """`caption_pictures`, whose pairs several sections ask for."""
    if isinstance(world, AtomWorld):
        drawn = world.drawn_atoms(split, (told, told) if told else ANY_NUMBER, caption).first(n)
        return Captioned(drawn, embed_atoms(drawn))
    scenes = scenes_of(world)
    return embed_dialled(scenes, split, dial_once(split, n, told, caption, scenes.details))


@cache
def dial_once(split: str, n: int, told: int, caption: int = 0, details: bool = False) -> Dialled:
    """`dial`, computed once per process, since several sections use the same captions."""
    return dial(split, n, told, caption=caption, details=details)


def embed_dialled(world: Scenes, split: str, dialled: Dialled, rows: np.ndarray | None = None) -> Captioned:
    """Embed captions of the dial; pictures are the first rows of the world's split, or those in `rows`."""
    text = world.rows_of(dialled.pairs, "text")
    whole = world.embeddings(split).tower("image")
    image = np.asarray(whole[: len(text)] if rows is None else whole[rows])
    identity = {"pairs": dialled.pairs.identity, "encoder": world.encoder.identity, "unit": True}
    return Captioned(dialled, Embeddings(dialled.pairs.ids, image, text, world.encoder.name, True, identity))


def contradict_captions(session: Session, captions: Captioned, factor: int) -> tuple[Captioned, np.ndarray]:
    """Make test captions false of one factor; returns them with their pictures, and their numbers among the given."""
    if isinstance(captions.dialled, Atoms):
        false, kept = contradict_atoms(captions.dialled, factor)
        return Captioned(false, embed_atoms(false)), kept
    dialled, kept = contradict(captions.dialled, factor)
    return embed_dialled(scenes_world(session), "test", dialled, kept), kept
