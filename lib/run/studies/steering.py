"""Paper 1, claim C13: clamp a latent inside the image tower, and hear what the multimodal LLM says then.

Pach et al., arXiv 2504.02821, section 4.3 and appendix B. As there: a Matryoshka dictionary of the tokens of the block
that the LLaVA reads, one latent overwritten in every token, decoder and projector left alone. Departures: answers are
held against what is known of the scene, and not shown to a judge; a second arm keeps the dictionary's error; a third
goes through the dictionary without an edit, so that its reconstruction is not taken for steering.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lib.data.scenes.questions import describe, read
from lib.data.scenes.world import layout_of
from lib.editing.steering import Edit, clamp_each, difference_in_means, matched_shift, reconstruct, steered
from lib.encoders.embeddings import Embeddings
from lib.encoders.hooks import find_blocks
from lib.encoders.llava import Llava
from lib.encoders.multimodal_llm import BATCH
from lib.encoders.store import embed
from lib.encoders.training.lessons import SHOWN, shown_codes
from lib.metrics.top_examples import top_examples
from lib.run.start import Session
from lib.sae.base import SAE, as_tensor
from lib.sae.codes import SparseCodes
from lib.sae.config import SAEConfig, TrainConfig
from lib.sae.train import train_cached
from lib.sae.train_ahead import Run, train_ahead

PICTURES, EXPANSION, STEPS = 1500, 4, 400
"""Training scenes whose patches the dictionary learns from, its width over the block's, and its steps."""

SUPPORT, LIFT = 50, 0.5
"""A latent can be drawn if so many patches activate it, and if the share of its activation that falls on one concept
exceeds that concept's share of all patches by so much."""

LATENTS, EACH = 18, 2
"""Latents drawn a seed, and pictures for each of them and each task."""

FACTORS = (0, 1, 9, 10)
"""Numbers of the factors that SHOWN names: kind, colour, background, pattern."""

ARMS = ("plain", "reconstruct", "clamp", "clamp + error", "difference in means", "random latent")

LONGEST = 32
"""Tokens of an answer; the longest description has fewer."""


@dataclass(frozen=True)
class Latents:
    """The drawn latents of one seed; every array has a row for each.

    latent, scale: its number, and the mean of its sixteen largest activations, the unit of strengths. concept: (factor,
    value) it stands for. lift: how surely. other, other_scale: a random latent in its place. target: (n, d) mean unit
    image embedding of the sixteen training pictures that activate it most. means: (n, width of the block) unit
    difference of the mean patches that show its concept and that do not. eligible: how many could be drawn.
    """

    seed: int
    sae: SAE
    latent: np.ndarray
    scale: np.ndarray
    concept: list[tuple[int, int]]
    lift: np.ndarray
    other: np.ndarray
    other_scale: np.ndarray
    target: np.ndarray
    means: Tensor
    eligible: int


def block_of(llava: Llava) -> int:
    """The number of the block whose output the LLaVA reads: the paper's 22 of 0 to 23, here 2 of 0 to 3."""
    from_the_end = llava.model.config.vision_feature_layer
    assert isinstance(from_the_end, int)
    return len(find_blocks(llava.vision_tower).modules) + from_the_end


def tokens(session: Session) -> Embeddings:
    """The patches of the first PICTURES training scenes after the block that the LLaVA reads."""
    pairs, block = session.world.pairs("train").first(PICTURES), block_of(session.world.llava)
    return embed(pairs, session.world.encoder, towers=("image",), layer=block, tokens="patches")


def concepts() -> list[tuple[int, int]]:
    """(factor, value) of every name a patch can have, in the order of `shown_codes`."""
    return [(factor, value) for factor, names in zip(FACTORS, SHOWN, strict=True) for value in range(len(names))]


def concept_name(concept: tuple[int, int]) -> str:
    """Such as "cat" or "striped"."""
    factor, value = concept
    return SHOWN[FACTORS.index(factor)][value]


def shown(session: Session) -> np.ndarray:
    """bool (patches, concepts): what each of `tokens` shows."""
    patch = session.world.llava.patch
    codes = np.concatenate([shown_codes(layout_of("train", 0, row), patch) for row in range(PICTURES)])
    table = np.zeros((len(codes), len(concepts())), dtype=bool)
    table[np.arange(len(codes))[:, None], codes] = True
    return table


def training_run(session: Session, patches: Embeddings, seed: int) -> Run:
    """The training of the Matryoshka dictionary of one seed."""
    width = EXPANSION * patches.tower("image").shape[1]
    sae = SAEConfig("matryoshka", width, session.profile.sae.k)
    return Run(TrainConfig(sae, steps=STEPS, batch=512, dead_after=len(patches), seed=seed), patches)


def draw_all(session: Session) -> list[Latents]:
    """`draw_latents` of every seed of the session."""
    patches = tokens(session)
    train_ahead((training_run(session, patches, seed) for seed in session.seeds), session.device)
    return [draw_latents(session, seed) for seed in session.seeds]


def draw_latents(session: Session, seed: int) -> Latents:
    """Train the dictionary of a seed, name its latents by what patches show, and draw LATENTS of the sure ones."""
    patches, truth = tokens(session), shown(session)
    sae = train_cached(*training_run(session, patches, seed), session.device).sae
    codes = sae.codes(patches)
    csc = codes.csr().tocsc()
    support, total = np.diff(csc.indptr), np.asarray(csc.sum(axis=0)).ravel()
    share = (csc.T @ truth.astype(np.float64)) / np.maximum(total, 1e-12)[:, None]
    lift = share - truth.mean(axis=0)
    live = np.flatnonzero(support >= SUPPORT)
    sure = live[lift[live].max(axis=1) > LIFT]
    random = np.random.default_rng(seed)
    drawn = np.sort(random.choice(sure, min(LATENTS, len(sure)), replace=False))
    best = lift[drawn].argmax(axis=1)
    other = np.array([random.choice(live[live != latent]) for latent in drawn])
    scale = _scales(codes)
    matrix = as_tensor(patches.tower("image"))
    means = [difference_in_means(matrix[truth[:, one]], matrix[~truth[:, one]]) for one in best]
    return Latents(
        seed=seed,
        sae=sae,
        latent=drawn,
        scale=scale[drawn],
        concept=[concepts()[one] for one in best],
        lift=lift[drawn, best],
        other=other,
        other_scale=scale[other],
        target=_targets(session, codes)[drawn],
        means=torch.nn.functional.normalize(torch.stack(means), dim=1),
        eligible=len(sure),
    )


def _scales(codes: SparseCodes) -> np.ndarray:
    top = top_examples(codes, 16)
    return top.values.sum(axis=1) / np.maximum(top.counts, 1)


def _targets(session: Session, codes: SparseCodes) -> np.ndarray:
    """(width, d): for each latent the mean unit embedding of the pictures with the largest mean activation."""
    count = len(codes) // PICTURES
    rows = np.repeat(np.arange(PICTURES), count)
    pooled = np.zeros((PICTURES, codes.width))
    np.add.at(pooled, (rows.repeat(np.diff(codes.indptr)), codes.indices), codes.values)
    images = session.world.embeddings("train").tower("image")[:PICTURES]
    best = np.argsort(-pooled, axis=0, kind="stable")[:16].T
    return images[best].mean(axis=1)


@dataclass(frozen=True)
class Plan:
    """Pictures to steer, a row each: row of the latent, row of the picture, and the strength of the clamp.

    insert: the picture lacks the concept, and it shall be named. Otherwise it shows it, and shall not be named.
    """

    split: str
    insert: bool
    latent: np.ndarray
    picture: np.ndarray


def plan(session: Session, drawn: Latents, split: str, insert: bool, each: int = EACH) -> Plan:
    """`each` random pictures for every latent: without its concept anywhere, or with it as an answer's first fact."""
    random = np.random.default_rng([drawn.seed, int(insert), split == "dev"])
    facts = _facts(split, len(session.world.embeddings(split)))
    latents, pictures = [], []
    for at, concept in enumerate(drawn.concept):
        rows = [i for i, (told, there) in enumerate(facts) if (concept not in there if insert else concept in told)]
        chosen = random.choice(rows, min(each, len(rows)), replace=False)
        latents += [at] * len(chosen)
        pictures += chosen.tolist()
    return Plan(split, insert, np.array(latents), np.array(pictures))


@cache
def _facts(split: str, n: int) -> list[tuple[set[tuple[int, int]], set[tuple[int, int]]]]:
    """For each scene what a description of it must tell, and everything that is true of it."""
    facts = []
    for layout in (layout_of(split, 0, row) for row in range(n)):
        told = set(read(describe(layout).answer))
        facts.append((told, told | {fact for thing in layout.things for fact in ((0, thing.kind), (1, thing.colour))}))
    return facts


def say_under(session: Session, plan: Plan, edit_of: Callable[[slice], Edit] | None) -> list[str]:
    """Descriptions of a plan's pictures; `edit_of` makes the edit of a batch of its rows, None runs the model as it
    is."""
    llava: Llava = session.world.llava
    images: Any = session.world.pairs(plan.split).images
    answers = []
    for start in range(0, len(plan.picture), BATCH):
        rows = slice(start, start + BATCH)
        pictures = [images[int(i)] for i in plan.picture[rows]]
        asked = ["describe the picture"] * len(pictures)
        if edit_of is None:
            answers += llava.generate(pictures, asked, LONGEST)
        else:
            with steered(llava.vision_tower, block_of(llava), edit_of(rows)):
                answers += llava.generate(pictures, asked, LONGEST)
    return answers


def edits(drawn: Latents, plan: Plan, arm: str, strength: float) -> Callable[[slice], Edit] | None:
    """The edit of each arm. strength: of insertion, in units of the latent's scale; suppression clamps to 0."""
    strength = strength if plan.insert else 0.0

    def chosen(rows: slice, numbers: np.ndarray, scales: np.ndarray, keep_error: bool) -> Edit:
        at = plan.latent[rows]
        values = torch.from_numpy(strength * scales[at]).float()
        return clamp_each(drawn.sae, torch.from_numpy(numbers[at]), values, keep_error=keep_error)

    def clamped(keep_error: bool) -> Callable[[slice], Edit]:
        return lambda rows: chosen(rows, drawn.latent, drawn.scale, keep_error)

    def shifted(rows: slice) -> Edit:
        sign = 1 if plan.insert else -1
        return matched_shift(sign * drawn.means[plan.latent[rows]], clamped(True)(rows))

    return {
        "plain": None,
        "reconstruct": lambda _: reconstruct(drawn.sae),
        "clamp": clamped(False),
        "clamp + error": clamped(True),
        "difference in means": shifted,
        "random latent": lambda rows: chosen(rows, drawn.other, drawn.other_scale, True),
    }[arm]
