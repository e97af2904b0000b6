"""Train dictionaries from the command line, without a notebook: a sweep of recipes, widths and seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from lib.apps.pair_recipes import PairRecipe, pair_training
from lib.base.errors import CompanionError
from lib.base.workers import HERE, Workers
from lib.encoders.embeddings import Embeddings, Tower
from lib.encoders.store import shards_by
from lib.papers.common.dictionaries import Recipe, measure_blocks, train_recipe
from lib.sae.base import Dictionary
from lib.sae.models.two_towers import TOWERS
from lib.sae.parallel import first, launched, together
from lib.sae.training.train import train_cached
from lib.worlds.open_world import open_world
from lib.worlds.profiles import Profile
from lib.worlds.session import Session, open_session


@dataclass(frozen=True)
class Trainer:
    """Trains dictionaries on the training rows of a profile's world; each process opens the world once."""

    profile: Profile

    @cached_property
    def session(self) -> Session:
        """The session of all trainings."""
        return open_session("train", self.profile)

    def __call__(self, run: tuple[Recipe | PairRecipe, int]) -> str:
        """Train a recipe with a seed, or find it in the cache, and describe it in one line by its results on unseen
        rows.
        """
        recipe, seed = run
        world = self.session.world
        if isinstance(recipe, PairRecipe):
            sae = train_cached(*pair_training(self.session, recipe, seed), self.session.device).sae
            measured = "  ".join(f"{tower}: {_measured(sae, world.embeddings('test'), tower)}" for tower in TOWERS)
        else:
            sae = train_recipe(self.session, recipe, seed)
            measured = _measured(sae, world.activations("test", recipe.layer), "image")
        return f"{recipe.name:<10} {sae.width:>6} latents  K {recipe.k:<3} seed {seed:<3}{measured}"


def _measured(sae: Dictionary, test: Embeddings, tower: Tower) -> str:
    """Describe the results of a dictionary on the unseen rows of a tower."""
    fidelity, firing = measure_blocks(sae, test, tower)
    return f"FVU {fidelity.fvu:.4f}  L0 {firing.l0:6.2f}  dead {firing.dead_share:.1%}"


def train_dictionaries(
    profile: Profile, recipes: Sequence[Recipe | PairRecipe], seeds: Sequence[int], workers: Workers = HERE
) -> Iterator[str]:
    """Train every recipe with every seed, and measure each on unseen rows; yield one line each, in this order.

    Under torchrun its processes train one dictionary after another together, and the first one prints.
    """
    runs = list(dict.fromkeys(product(recipes, seeds)))
    if launched() and not workers.here(runs):
        raise CompanionError("torchrun has its own processes, which train together; leave out --jobs and --ray")
    world = open_world(profile)
    with shards_by(workers):
        for split in ("train", "test"):
            world.embeddings(split)
    with together(open_session("train", profile).device if launched() else "cpu"):
        lines, told = dict[tuple[Recipe | PairRecipe, int], str](), 0
        for run, line in workers.each(Trainer(profile), runs, gpu=profile.device == "cuda"):
            lines[run] = line
            while first() and told < len(runs) and runs[told] in lines:
                yield lines[runs[told]]
                told += 1
