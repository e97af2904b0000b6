"""Estimate the seconds, memory and disk that a run takes, by timing small pieces of its work on this machine.

The studies themselves say which dictionaries (`TRAININGS`) and maskers (`MASKERS`) they train, on vectors of the right
width and few rows. The estimate times a forward pass of a few pictures and one step of each kind of training, and
multiplies. It counts neither the other work of a notebook, minutes in the default profile, nor what the cache saves.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import chain
from typing import Any

import torch

from lib.base.errors import NotAvailable
from lib.base.files import digest
from lib.base.places import notebook_number
from lib.base.progress import progress
from lib.editing.masker import MaskerConfig
from lib.encoders.embeddings import Embeddings
from lib.encoders.open_model import open_model
from lib.encoders.shim import ensure_torchvision
from lib.papers.common import ms_scores
from lib.papers.common.dictionaries import Recipe, recipe_training
from lib.papers.p1 import n11_hierarchy
from lib.papers.p2 import n20_start, two_tower_dictionaries, two_tower_gap
from lib.papers.p3 import pair_dictionaries
from lib.papers.p4 import n41_premise
from lib.run.costs import Cost, random_rows, timed, total
from lib.run.durations import said
from lib.run.masker_cost import masker_cost
from lib.run.runner import Task
from lib.sae.config import TrainConfig
from lib.sae.recipes import recipe_of
from lib.sae.training.stacked_run import StackedRun
from lib.sae.training.train import TrainingRun, run_key
from lib.sae.training.train_ahead import Run, neighbours
from lib.sae.training.training_rows import BUFFER, Towers, training_rows
from lib.worlds.open_world import open_world
from lib.worlds.profiles import Profile
from lib.worlds.session import Session, open_session
from lib.worlds.world import World

TIMED_PICTURES = 4
"""Pictures and captions in the timed forward pass."""

ROWS, TIMED_LATENTS = 512, 4096
"""Largest numbers of rows and latents of a timed training step; beyond, time grows as rows times latents."""

_BATCH = 256
"""Pictures in memory at once."""

FLOAT = 4
"""Bytes of a number."""

_COPIES = 4
"""Arrays of a dictionary's size in training: weights, gradients, two moments."""


class StandIn(World):
    """A world of a few random vectors of a given width, for asking a study what it trains."""

    name = "stand-in"

    def __init__(self, profile: Profile, d: int) -> None:
        super().__init__(profile)
        self._d, self._profile = d, profile

    def embeddings(self, split: str) -> Embeddings:
        return random_rows(ROWS, self._d)

    @property
    def taxa(self) -> tuple[int, int, int]:
        return open_world(self._profile).taxa


def _of_recipes(recipes: Callable[[Session], list[Recipe]]) -> Callable[[Session], Iterator[Run]]:
    def runs(session: Session) -> Iterator[Run]:
        for recipe in recipes(session):
            if recipe.trained:
                yield from (recipe_training(session, recipe, seed) for seed in session.seeds)

    return runs


def _of_arms(arms: Mapping[str, pair_dictionaries.PairedArm]) -> Callable[[Session], Iterator[Run]]:
    def runs(session: Session) -> Iterator[Run]:
        material = pair_dictionaries.world_material(session, pair_dictionaries.world_setting(session))
        for arm in arms.values():
            yield from chain.from_iterable(
                pair_dictionaries.paired_trainings(material, arm, seed) for seed in session.seeds
            )

    return runs


def _of_notebook_20(session: Session) -> Iterator[Run]:
    yield from two_tower_dictionaries.two_tower_trainings(session, two_tower_dictionaries.NOTEBOOK_ARMS["20_concepts"])
    small = [replace(arm, norm=n20_start.SMALL_NORM) for arm in n20_start.NORM_ARMS]
    yield from two_tower_dictionaries.two_tower_trainings(session, small, n20_start.SEEDS)
    yield from two_tower_dictionaries.two_tower_trainings(session, two_tower_gap.dial_arms(), two_tower_gap.SEEDS)


TRAININGS: dict[str, Callable[[Session], Iterator[Run]]] = {
    "10": _of_recipes(lambda session: ms_scores.ms_recipes(ms_scores.scored(session))),
    "11": _of_recipes(n11_hierarchy.taxonomy_recipes),
    **{
        name[:2]: partial(two_tower_dictionaries.two_tower_trainings, arms=arms)
        for name, arms in two_tower_dictionaries.NOTEBOOK_ARMS.items()
    },
    "20": _of_notebook_20,
    "30": _of_arms(pair_dictionaries.PAIRED_ARMS),
    "31": _of_arms(pair_dictionaries.PAIRED_ARMS | pair_dictionaries.MORE_PAIRED_ARMS),
    "33": _of_arms(pair_dictionaries.PAIRED_ARMS | pair_dictionaries.BATCH_ARMS),
    "41": lambda session: (recipe_training(session, *run) for run in n41_premise.dictionary_runs(session)),
}
"""For each notebook, the trainings of dictionaries whose sizes follow the profile."""

MASKERS: dict[str, Callable[[Session], Sequence[tuple[MaskerConfig, Recipe]]]] = {"41": n41_premise.masker_runs}
"""For each notebook, the maskers that it trains, with the recipes of their dictionaries."""


def estimate(profile: Profile, tasks: Sequence[Task]) -> Iterator[str]:
    """Yield lines on the cost of embedding, of each task's dictionaries, and of all together, and on what is left out.

    tasks: notebooks of the profile, as `lib.run.batch.plan` gives them.
    """
    session = open_session("estimate", profile)
    yield f"estimate for profile {profile.name} on {session.device}, {torch.get_num_threads()} threads, empty cache"
    costs = [Cost(0.0, 0.0, 0.0)]
    for name, pairs in dict.fromkeys(chain.from_iterable(embedding_models(task.checked()[2]) for task in tasks)):
        costs.append(embedding_cost(name, pairs, session.device))
        yield _line(f"embed    {pairs:,} pairs by {name}", costs[-1])
    known, left_out = set[str](), list[str]()
    for task in tasks:
        number, (_, _, own) = notebook_number(task.notebook), task.checked()
        if number not in TRAININGS:
            left_out.append(number)
            continue
        runs = new_runs(number, own, known)
        costs.append(training_cost(runs, own, session.device))
        kinds = ", ".join(dict.fromkeys(run.config.sae.recipe for run in runs))
        yield _line(f"train    {number}: {len(runs)} dictionaries" + (f" ({kinds})" if kinds else ""), costs[-1])
        if number in MASKERS:
            maskers = MASKERS[number](stand_in(own))
            costs.append(masker_cost(maskers, stand_in(own)))
            yield _line(f"train    {number}: {len(maskers)} maskers", costs[-1])
    yield _line("together", total(costs))
    yield "extrapolated from small pieces timed just now; the other work of the notebooks comes on top"
    if left_out:
        yield f"not counted: notebooks {', '.join(left_out)}, whose sizes do not follow the profile"


def embedding_models(profile: Profile) -> list[tuple[str, int]]:
    """List the models that embed a profile's pairs, each with the number of pairs.

    There is none where the vectors are shipped or the user's own.
    """
    pairs = sum(profile.splits.model_dump().values()) + (profile.scored or 0)
    if profile.encoder is None:
        return [(f"{profile.world}-clip", pairs)] if profile.world == "scenes" else []
    return [(name, pairs) for name in (profile.encoder, profile.judge) if name]


def embedding_cost(name: str, pairs: int, device: str) -> Cost:
    """Cost of embedding pictures and captions, from one batch; a model that is not here gets random weights."""
    model = bare_model(name).to(device)
    size = model.visual.image_size
    pixels = torch.zeros(TIMED_PICTURES, 3, *(size if isinstance(size, tuple) else (size, size)), device=device)
    tokens = torch.zeros(TIMED_PICTURES, model.context_length, dtype=torch.long, device=device)
    with torch.no_grad():
        seconds = timed(lambda: (model.encode_image(pixels), model.encode_text(tokens)), device) / TIMED_PICTURES
    weights = sum(parameter.numel() for parameter in model.parameters())
    return Cost(pairs * seconds, FLOAT * (weights + _BATCH * pixels[0].numel()), FLOAT * pairs * 2 * _dim(model.cpu()))


def stand_in(profile: Profile) -> Session:
    """A session in which a study says what it would train."""
    return open_session("estimate", profile, stand_in=StandIn(profile, dimensions(profile)))


def new_runs(number: str, profile: Profile, known: set[str]) -> list[Run]:
    """List the trainings of a notebook of `TRAININGS` whose keys are not yet in `known`, and add their keys to it."""
    runs = {digest(run_key(*run)): run for run in TRAININGS[number](stand_in(profile))}
    fresh = {key: run for key, run in runs.items() if key not in known}
    known |= set(fresh)
    return list(fresh.values())


def training_cost(runs: Iterable[Run], profile: Profile, device: str) -> Cost:
    """Cost of all trainings one after the other, where those that can share their steps are trained together."""
    costs = [Cost(0.0, 0.0, 0.0)]
    stacks = list(neighbours(runs)) if device == "cpu" else [[run] for run in runs]
    for stack in progress(stacks, desc="timing"):
        run, together = stack[0], len(stack)
        config, data = run.config, training_rows(run.embeddings, run.tower)
        rows = recipe_of(config.sae).as_rows(data)
        members, d = len(rows) // len(data), rows.shape[1]
        batch, width = min(config.batch, profile.splits.train), config.sae.width
        weights = 2 * d * width * FLOAT
        matrix = min(BUFFER, profile.splits.train * members * d * FLOAT)
        batches = 2 * batch * members * width * FLOAT  # pre-activations, and the result of the selection
        step = step_seconds(replace(config, seed=0, batch=batch), data.shape[-1], run.tower, device, together)
        memory = matrix + together * (_COPIES * weights + batches)
        costs.append(Cost(config.steps * step, memory, together * weights))
    return total(costs)


@cache
def step_seconds(config: TrainConfig, d: int, tower: Towers, device: str, together: int = 1) -> float:
    """Seconds of one step of `together` trainings; a large step is scaled up from a small one, by rows and latents."""
    rows, width = min(config.batch, ROWS), min(config.sae.width, TIMED_LATENTS)
    prefixes = config.sae.prefixes if width == config.sae.width else ()
    small = replace(
        config, batch=rows, sae=replace(config.sae, width=width, k=min(config.sae.k, width), prefixes=prefixes)
    )
    runs = [TrainingRun(replace(small, seed=seed), random_rows(rows, d), tower, device) for seed in range(together)]
    advance = runs[0].advance if together == 1 else StackedRun(runs).advance
    return timed(advance, device) * (config.batch * config.sae.width) / (rows * width)


@cache
def bare_model(name: str) -> Any:
    """Make an open_clip model by the name in a profile; one with published weights gets random ones."""
    ensure_torchvision()
    import open_clip

    architecture, _, tag = name.partition(" ")
    if tag and architecture in open_clip.list_models():
        logging.disable(logging.WARNING)  # it warns that the weights are random, which they are meant to be
        try:
            return open_clip.create_model(architecture).eval()
        finally:
            logging.disable(logging.NOTSET)
    if name.startswith("hf-hub:"):
        raise NotAvailable(f"the size of {name} is known only once it is here; python -m lib doctor says how to get it")
    return open_model(name).model


def dimensions(profile: Profile) -> int:
    """Number of dimensions of the embeddings of a profile's world."""
    if profile.encoder is not None:
        return _dim(bare_model(profile.encoder))
    if profile.world == "scenes":
        return open_world(profile).encoder.dim
    return open_world(profile).embeddings("dev").tower("image").shape[1]


def _dim(model: Any) -> int:
    with torch.no_grad():
        return int(model.encode_text(torch.zeros(1, model.context_length, dtype=torch.long)).shape[1])


def _line(what: str, cost: Cost) -> str:
    return f"{what:<72} {said(cost.seconds):>8}, memory {cost.memory / 2**30:.2f} GiB, disk {cost.disk / 2**30:.2f} GiB"
