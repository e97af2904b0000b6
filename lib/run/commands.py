"""What is done by hand and not in notebooks: embed a world, train a dictionary, score an encoder on a protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

from lib.data.errors import CompanionError
from lib.data.workers import HERE, Workers
from lib.encoders.store import shards_by
from lib.run import protocols
from lib.run.profiles import Profile
from lib.run.start import Session, open_session
from lib.run.studies.dictionaries import Recipe, fit
from lib.run.worlds import open_world
from lib.sae.parallel import first, launched, together


def embed(profile: Profile, workers: Workers = HERE) -> Iterator[str]:
    """Embed every split of a profile's world, or find it in the cache; one line a split and encoder."""
    world = open_world(profile)
    with shards_by(workers):
        for split in world.sizes:
            mine = world.embeddings(split)
            yield f"{split:<6} {mine.encoder:<16} {len(mine)} pairs, {mine.tower('image').shape[1]} dimensions"
            for name, judge in world.judges(split).items():
                yield f"{split:<6} judge: {name:<9} {len(judge)} pairs, {judge.tower('image').shape[1]} dimensions"


@dataclass(frozen=True)
class Trainer:
    """Trains dictionaries on the training images of a profile's world; the world is opened once in a process."""

    profile: Profile

    @cached_property
    def session(self) -> Session:
        """The session of all trainings."""
        return open_session("train", self.profile)

    def __call__(self, run: tuple[Recipe, int]) -> str:
        """Train a recipe with a seed, or find it in the cache: one line on what it does on unseen images."""
        recipe, seed = run
        fitted = fit(self.session, recipe, seed)
        return (
            f"{recipe.name:<10} {fitted.sae.width:>6} latents  K {recipe.k:<3} seed {seed:<3}"
            f"FVU {fitted.fidelity.fvu:.4f}  L0 {fitted.firing.l0:6.2f}  dead {fitted.firing.dead_share:.1%}"
        )


def train(profile: Profile, recipes: Sequence[Recipe], seeds: Sequence[int], workers: Workers = HERE) -> Iterator[str]:
    """Train every recipe with every seed, and measure each on unseen images; one line each, in this order.

    Under torchrun its processes train one dictionary after another together, and the first one tells.
    """
    runs = list(dict.fromkeys(product(recipes, seeds)))
    if launched() and not workers.here(runs):
        raise CompanionError("torchrun has its own processes, which train together; leave out --jobs and --ray")
    world = open_world(profile)
    with shards_by(workers):
        for split in ("train", "test"):
            world.embeddings(split)
    with together(open_session("train", profile).device if launched() else "cpu"):
        lines, told = dict[tuple[Recipe, int], str](), 0
        for run, line in workers.each(Trainer(profile), runs, gpu=profile.device == "cuda"):
            lines[run] = line
            while first() and told < len(runs) and runs[told] in lines:
                yield lines[runs[told]]
                told += 1


def score(profile: Profile, protocol: str, photos: Path) -> str:
    """The scores of a profile's encoder on a published protocol, as a table."""
    table = protocols.score(protocol, open_world(profile).encoder, photos)
    return table.to_string(index=False, float_format="%.1f")
