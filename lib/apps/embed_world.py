"""Embed a whole world from the command line, before any notebook runs."""

from __future__ import annotations

from collections.abc import Iterator

from lib.base.errors import NotAvailable
from lib.base.workers import HERE, Workers
from lib.encoders.embeddings import Embeddings
from lib.encoders.store import shards_by
from lib.worlds.open_world import open_world
from lib.worlds.profiles import Profile
from lib.worlds.world import World


def embed_world(profile: Profile, workers: Workers = HERE) -> Iterator[str]:
    """Embed every split of a profile's world, or find it in the cache; one line per split and encoder.

    On a user's own data, the last line says what became of every entry of the folder. A world without a judge is
    embedded without one.
    """
    world = open_world(profile)
    with shards_by(workers):
        for split in world.sizes:
            mine = world.embeddings(split)
            yield f"{split:<6} {mine.encoder:<16} {len(mine)} pairs, {mine.tower('image').shape[1]} dimensions"
            for name, judge in _judges(world, split).items():
                yield f"{split:<6} judge: {name:<9} {len(judge)} pairs, {judge.tower('image').shape[1]} dimensions"
    try:
        world.judges("test")
    except NotAvailable as error:
        yield f"no judge: {error}"
    if (tally := world.tally(read=True)) is not None:
        yield tally.line()


def _judges(world: World, split: str) -> dict[str, Embeddings]:
    try:
        return world.judges(split)
    except NotAvailable:
        return {}
