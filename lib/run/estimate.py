"""What a run would take, told before it: seconds, memory and disk, from small pieces of the work done here and now.

The studies themselves say which dictionaries they train (`TRAININGS`), on vectors of the right width and few rows. A
forward pass of a few pictures and one step of each kind of dictionary are timed on this machine and multiplied. What
a notebook does beside that, minutes in the default profile, is not counted; nor is what the cache has already.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import torch

from lib.data.errors import NotAvailable
from lib.data.files import digest
from lib.data.progress import progress
from lib.encoders.embeddings import Embeddings
from lib.encoders.shim import ensure_torchvision
from lib.run.own_worlds import open_model
from lib.run.places import notebook_number
from lib.run.profiles import Profile
from lib.run.runner import Task
from lib.run.start import Session, open_session
from lib.run.studies import hierarchy, monosemanticity, split, text_editing, vl_concepts
from lib.run.studies.dictionaries import Recipe, training_run
from lib.run.worlds import World, open_world
from lib.sae.config import TrainConfig
from lib.sae.train import Towers, TrainingRun, run_key, training_rows
from lib.sae.train_ahead import Run

PICTURES = 4
"""Pictures and captions in the timed forward pass."""

ROWS, LATENTS = 512, 4096
"""Rows and latents of a timed training step at most; of a larger one the time grows as rows times latents."""

BATCH = 256
"""Pictures in memory at once."""

FLOAT = 4
"""Bytes."""

COPIES = 4
"""Of a dictionary in training: weights, gradients, two moments."""


class Cost(NamedTuple):
    """Seconds of work, bytes of memory at most, bytes left on disk."""

    seconds: float
    memory: float
    disk: float


class StandIn(World):
    """A few random vectors of a width, for a study that is asked what it trains."""

    name = "stand-in"

    def __init__(self, profile: Profile, d: int) -> None:
        super().__init__(profile)
        self.d = d

    def embeddings(self, split: str) -> Embeddings:
        return _random_rows(ROWS, self.d)


def _of_recipes(recipes: Callable[[Session], list[Recipe]]) -> Callable[[Session], Iterator[Run]]:
    def runs(session: Session) -> Iterator[Run]:
        for recipe in recipes(session):
            if recipe.trained:
                yield from (training_run(session, recipe, seed) for seed in session.seeds)

    return runs


def _of_arms(arms: Mapping[str, split.Arm]) -> Callable[[Session], Iterator[Run]]:
    def runs(session: Session) -> Iterator[Run]:
        material = split.world_material(session, split.world_setting(session))
        for arm in arms.values():
            yield from chain.from_iterable(split.training_runs(material, arm, seed) for seed in session.seeds)

    return runs


TRAININGS: dict[str, Callable[[Session], Iterator[Run]]] = {
    "10": _of_recipes(monosemanticity.recipes),
    "11": _of_recipes(hierarchy.recipes),
    **{name[:2]: partial(vl_concepts.training_runs, arms=arms) for name, arms in vl_concepts.ARMS.items()},
    "30": _of_arms(split.ARMS),
    "31": _of_arms(split.ARMS | split.MORE_ARMS),
    "41": _of_recipes(lambda session: [text_editing.DICTIONARY]),
}
"""The dictionaries that follow the profile, by notebook."""


def estimate(profile: Profile, tasks: Sequence[Task]) -> Iterator[str]:
    """Lines: what embedding takes, what the dictionaries of each task take, all of it together, and what is left out.

    tasks: notebooks of the profile, as `lib.run.batch.plan` gives them.
    """
    session = open_session("estimate", profile)
    yield f"estimate for profile {profile.name} on {session.device}, {torch.get_num_threads()} threads, from nothing"
    costs = [Cost(0.0, 0.0, 0.0)]
    for name, pairs in embedded(profile):
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
        yield _line(f"train    {number}: {len(runs)} dictionaries", costs[-1])
    yield _line("together", _together(costs))
    yield "extrapolated from small pieces timed just now; what notebooks do beside training takes minutes more"
    if left_out:
        yield f"not counted: notebooks {', '.join(left_out)}, whose sizes are their own"


def embedded(profile: Profile) -> list[tuple[str, int]]:
    """The models that embed a profile's pairs, and how many: none where the vectors are shipped or the user's."""
    pairs = sum(profile.splits.model_dump().values())
    if profile.encoder is None:
        return [(f"{profile.world}-clip", pairs)] if profile.world == "scenes" else []
    return [(name, pairs) for name in (profile.encoder, profile.judge) if name]


def embedding_cost(name: str, pairs: int, device: str) -> Cost:
    """Of pictures and captions through a model, from one batch; the weights of one that is not here are random."""
    model = bare_model(name).to(device)
    size = model.visual.image_size
    pixels = torch.zeros(PICTURES, 3, *(size if isinstance(size, tuple) else (size, size)), device=device)
    tokens = torch.zeros(PICTURES, model.context_length, dtype=torch.long, device=device)
    with torch.no_grad():
        seconds = timed(lambda: (model.encode_image(pixels), model.encode_text(tokens)), device) / PICTURES
    weights = sum(parameter.numel() for parameter in model.parameters())
    return Cost(pairs * seconds, FLOAT * (weights + BATCH * pixels[0].numel()), FLOAT * pairs * 2 * _dim(model.cpu()))


def new_runs(number: str, profile: Profile, known: set[str]) -> list[Run]:
    """The trainings of a notebook of `TRAININGS` that are not `known` yet, which it adds to."""
    session = open_session("estimate", profile)
    session.__dict__["world"] = StandIn(profile, dimensions(profile))
    runs = {digest(run_key(*run)): run for run in TRAININGS[number](session)}
    fresh = {key: run for key, run in runs.items() if key not in known}
    known |= set(fresh)
    return list(fresh.values())


def training_cost(runs: Iterable[Run], profile: Profile, device: str) -> Cost:
    """Of all trainings, one after the other."""
    costs = [Cost(0.0, 0.0, 0.0)]
    for run in progress(list(runs), desc="timing"):
        config, members = run.config, len(run.tower) if isinstance(run.tower, tuple) else 1
        d = training_rows(run.embeddings, run.tower).shape[-1]
        batch, width = min(config.batch, profile.splits.train), config.sae.width
        weights = 2 * d * width * FLOAT
        matrix = profile.splits.train * members * d * FLOAT
        batches = 2 * batch * members * width * FLOAT  # pre-activations, and what selection makes of them
        seconds = config.steps * step_seconds(replace(config, seed=0, batch=batch), d, run.tower, device)
        costs.append(Cost(seconds, matrix + COPIES * weights + batches, weights))
    return _together(costs)


@cache
def step_seconds(config: TrainConfig, d: int, tower: Towers, device: str) -> float:
    """Of one training step; a large one from a smaller one, as rows times latents."""
    rows, width = min(config.batch, ROWS), min(config.sae.width, LATENTS)
    prefixes = config.sae.prefixes if width == config.sae.width else ()
    small = replace(
        config, batch=rows, sae=replace(config.sae, width=width, k=min(config.sae.k, width), prefixes=prefixes)
    )
    run = TrainingRun(small, _random_rows(rows, d), tower, device)
    return timed(run.advance, device) * (config.batch * config.sae.width) / (rows * width)


def timed(work: Callable[[], Any], device: str) -> float:
    """Seconds of the second call: the first one allocates."""
    work()
    began = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


@cache
def bare_model(name: str) -> Any:
    """An open_clip model by the name in a profile; an architecture with published weights gets random ones."""
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
        raise NotAvailable(f"the size of {name} is known when it is here; python -m lib doctor says how to get it")
    return open_model(name).model


def dimensions(profile: Profile) -> int:
    """Of the embeddings of a profile's world."""
    if profile.encoder is not None:
        return _dim(bare_model(profile.encoder))
    if profile.world == "scenes":
        return open_world(profile).encoder.dim
    return open_world(profile).embeddings("dev").tower("image").shape[1]


def _dim(model: Any) -> int:
    with torch.no_grad():
        return int(model.encode_text(torch.zeros(1, model.context_length, dtype=torch.long)).shape[1])


def _random_rows(n: int, d: int) -> Embeddings:
    image, text = np.random.default_rng(0).standard_normal((2, n, d)).astype(np.float32)
    return Embeddings(np.arange(n).astype(str), image, text, "stand-in", False, {"rows": n, "d": d})


def _together(costs: Iterable[Cost]) -> Cost:
    seconds, memory, disk = zip(*costs, strict=True)
    return Cost(sum(seconds), max(memory), sum(disk))


def _line(what: str, cost: Cost) -> str:
    hours, minutes = cost.seconds / 3600, cost.seconds / 60
    shown = f"{hours:.1f} h" if hours >= 2 else f"{minutes:.0f} min" if minutes >= 2 else f"{cost.seconds:.0f} s"
    return f"{what:<52} {shown:>8}, memory {cost.memory / 2**30:.2f} GiB, disk {cost.disk / 2**30:.2f} GiB"
