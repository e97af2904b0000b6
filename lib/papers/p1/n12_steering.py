"""Paper 1: clamp a latent inside the image tower, and record the answers of the multimodal LLM.

Source: Pach et al., arXiv 2504.02821, section 4.3 and appendix B. As there, a Matryoshka dictionary of the tokens of
the block that the LLaVA reads is used, one latent is overwritten in every token, and decoder and projector stay
unchanged. Departures: answers are compared with the known facts of the scene, and not shown to a judge; a second arm
keeps the dictionary's error; a third goes through the dictionary without an edit, so that its reconstruction is not
mistaken for steering.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from lib.data.scenes.questions import describe, read
from lib.data.scenes.scene_pairs import layout_of
from lib.editing.steering import Edit, clamp_each, difference_in_means, reconstruct, shift, steered
from lib.encoders.embeddings import Embeddings
from lib.encoders.hooks import find_blocks
from lib.encoders.llava import Llava
from lib.encoders.multimodal_llm import BATCH
from lib.encoders.store import embed
from lib.encoders.training.lessons import SHOWN, shown_codes
from lib.metrics.top_examples import top_examples
from lib.sae.base import SAE, as_tensor, one_tower
from lib.sae.codes import SparseCodes
from lib.sae.config import SAEConfig, TrainConfig
from lib.sae.training.train import train_cached
from lib.sae.training.train_ahead import Run, train_ahead
from lib.worlds.session import Session

PATCH_PICTURES, PATCH_EXPANSION, PATCH_STEPS = 1500, 4, 400
"""Number of training scenes for the dictionary of patches, its width divided by the block's, and its steps."""

LEAST_PATCHES, LEAST_LIFT, LEAST_KIND_LIFT = 50, 0.5, 0.3
"""A latent can be drawn if at least this many patches activate it, and if the share of its activation on one concept
exceeds that concept's share of all patches by more than this. For a kind of object it is less: a patch shows a part of
an object, an ear or a wheel, which other kinds also have, and no latent of one in 200 patches is as sure as one of a
colour."""

LATENTS_PER_SEED, PICTURES_PER_LATENT = 12, 2
"""Latents drawn per seed, and pictures per latent and task."""

KIND = 0
"""Number of the factor that is an object's kind; half of the drawn latents stand for a kind, if there are enough."""

PATCH_FACTORS = (0, 1, 9, 10)
"""Numbers of the factors that SHOWN names: kind, colour, background, pattern."""

STEERING_ARMS = ("plain", "reconstruct", "clamp", "clamp + error", "difference in means", "random latent")

ANSWER_TOKENS = 32
"""Largest number of tokens of an answer; the longest description has fewer."""


@dataclass(frozen=True)
class DrawnLatents:
    """The latents drawn from the dictionary of one seed; every array has one row per latent."""

    seed: int
    """Seed of the dictionary and of the draw."""
    sae: SAE
    """The dictionary."""
    latent: np.ndarray
    """(n,) numbers of the latents."""
    scale: np.ndarray
    """(n,) mean of each latent's sixteen largest activations, the unit of strengths."""
    concept: list[tuple[int, int]]
    """Concept of each latent, (factor, value)."""
    lift: np.ndarray
    """(n,) share of a latent's activation on its concept, minus the concept's share of all patches."""
    other: np.ndarray
    """(n,) a random latent for each, as a control."""
    other_scale: np.ndarray
    """(n,) scales of the random latents."""
    target: np.ndarray
    """(n, d) mean unit image embedding of the sixteen training pictures that activate the latent most."""
    means: Tensor
    """(n, width of the block) difference of the mean patch with the latent's concept and the mean one without."""
    eligible: int
    """Number of latents that could have been drawn."""


def block_of(llava: Llava) -> int:
    """Number of the block whose output the LLaVA reads: 22 of 0 to 23 in the paper, here 2 of 0 to 3."""
    from_the_end = llava.model.config.vision_feature_layer
    assert isinstance(from_the_end, int)
    return len(find_blocks(llava.vision_tower).modules) + from_the_end


def _block(session: Session, block: int | None) -> int:
    return block_of(session.world.llava) if block is None else block


def patch_tokens(session: Session, block: int | None = None) -> Embeddings:
    """Embed patches of the first PATCH_PICTURES training scenes after a block; None: the one that the LLaVA reads."""
    pairs, block = session.world.pairs("train").first(PATCH_PICTURES), _block(session, block)
    return embed(pairs, session.world.encoder, towers=("image",), layer=block, tokens="patches")


def patch_concepts() -> list[tuple[int, int]]:
    """List every concept that a patch can show as (factor, value), in the order of `shown_codes`."""
    return [(factor, value) for factor, names in zip(PATCH_FACTORS, SHOWN, strict=True) for value in range(len(names))]


def concept_name(concept: tuple[int, int]) -> str:
    """Return the word for a concept, such as "cat" or "striped"."""
    factor, value = concept
    return SHOWN[PATCH_FACTORS.index(factor)][value]


def shown_concepts(session: Session) -> np.ndarray:
    """Say which concepts each of `patch_tokens` shows, bool (patches, concepts)."""
    patch = session.world.llava.patch
    codes = np.concatenate([shown_codes(layout_of("train", 0, row), patch) for row in range(PATCH_PICTURES)])
    table = np.zeros((len(codes), len(patch_concepts())), dtype=bool)
    table[np.arange(len(codes))[:, None], codes] = True
    return table


def patch_training(session: Session, patches: Embeddings, seed: int) -> Run:
    """Return configuration and rows of the training of the Matryoshka dictionary of one seed."""
    width = PATCH_EXPANSION * patches.tower("image").shape[1]
    sae = SAEConfig("matryoshka", width, session.profile.sae.k)
    return Run(TrainConfig(sae, steps=PATCH_STEPS, batch=512, dead_after=len(patches), seed=seed), patches)


@dataclass(frozen=True)
class PatchDictionary:
    """The dictionary of the patches of a block, with the concepts to which its latents respond."""

    seed: int
    """Seed of the dictionary."""
    sae: SAE
    """The dictionary."""
    patches: Embeddings
    """The patches on which it was trained."""
    truth: np.ndarray
    """bool (patches, concepts): which of `patch_concepts` each patch shows."""
    codes: SparseCodes
    """The codes of the patches."""
    lift: np.ndarray
    """(width, concepts) lifts, of `concept_lifts`."""
    live: np.ndarray
    """Numbers of the latents that at least LEAST_PATCHES patches activate."""

    def described(
        self, session: Session, latent: np.ndarray, concept: np.ndarray, random: np.random.Generator, eligible: int
    ) -> DrawnLatents:
        """Collect what steering needs to know about latents (n,); each gets a random other one as a control.

        concept: (n,) number of each latent's concept in `patch_concepts`. eligible: how many could have been drawn.
        """
        other = np.array([random.choice(self.live[self.live != one]) for one in latent])
        scale, matrix = _scales(self.codes), as_tensor(self.patches.tower("image"))
        means = [difference_in_means(matrix[self.truth[:, one]], matrix[~self.truth[:, one]]) for one in concept]
        return DrawnLatents(
            seed=self.seed,
            sae=self.sae,
            latent=latent,
            scale=scale[latent],
            concept=[patch_concepts()[one] for one in concept],
            lift=self.lift[latent, concept],
            other=other,
            other_scale=scale[other],
            target=_targets(session, self.codes)[latent],
            means=torch.stack(means),
            eligible=eligible,
        )


def patch_dictionary(session: Session, seed: int, block: int | None = None) -> PatchDictionary:
    """Train the dictionary of a block's patches, or take it from the cache; None: the block that the LLaVA reads."""
    patches, truth = patch_tokens(session, block), shown_concepts(session)
    sae = one_tower(train_cached(*patch_training(session, patches, seed), session.device).sae, "steering")
    codes = sae.codes(patches)
    live = np.flatnonzero(np.diff(codes.csr().tocsc().indptr) >= LEAST_PATCHES)
    return PatchDictionary(seed, sae, patches, truth, codes, concept_lifts(codes, truth), live)


def draw_all_latents(session: Session) -> list[DrawnLatents]:
    """Apply `draw_latents` to every seed of the session."""
    patches = patch_tokens(session)
    train_ahead((patch_training(session, patches, seed) for seed in session.seeds), session.device)
    return [draw_latents(session, seed) for seed in session.seeds]


def draw_latents(session: Session, seed: int) -> DrawnLatents:
    """Train the dictionary of a seed, name its latents by what patches show, and draw LATENTS_PER_SEED clear ones.

    By chance nearly all would be colours, of which a patch shows most; so half of them stand for kinds of objects,
    or as many as there are.
    """
    found = patch_dictionary(session, seed)
    of_kind = np.array([factor == KIND for factor, _ in patch_concepts()])[found.lift.argmax(axis=1)]
    best = found.lift[found.live].max(axis=1)
    sure = found.live[best > np.where(of_kind[found.live], LEAST_KIND_LIFT, LEAST_LIFT)]
    random = np.random.default_rng(seed)
    drawn = draw_by_quota(sure, of_kind[sure], random)
    return found.described(session, drawn, found.lift[drawn].argmax(axis=1), random, eligible=len(sure))


def draw_by_quota(latents: np.ndarray, kinds: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draw LATENTS_PER_SEED of the latents, sorted; half are of `kinds` (bool), unless there are too few of a sort."""
    half = LATENTS_PER_SEED // 2
    first, second = (random.permutation(latents[sort]) for sort in (kinds, ~kinds))
    of_kinds = first[: max(half, LATENTS_PER_SEED - len(second))]
    return np.sort(np.concatenate([of_kinds, second[: LATENTS_PER_SEED - len(of_kinds)]]))


def concept_lifts(codes: SparseCodes, truth: np.ndarray) -> np.ndarray:
    """Share of each latent's activation on each concept, minus the concept's share of all patches, (width, c).

    truth: bool (patches, c).
    """
    csc = codes.csr().tocsc()
    total = np.asarray(csc.sum(axis=0)).ravel()
    return (csc.T @ truth.astype(np.float64)) / np.maximum(total, 1e-12)[:, None] - truth.mean(axis=0)


def _scales(codes: SparseCodes) -> np.ndarray:
    top = top_examples(codes, 16)
    return top.values.sum(axis=1) / np.maximum(top.counts, 1)


def _targets(session: Session, codes: SparseCodes) -> np.ndarray:
    """(width, d) mean unit embedding of the pictures with the largest mean activation, per latent."""
    count = len(codes) // PATCH_PICTURES
    rows = np.repeat(np.arange(PATCH_PICTURES), count)
    pooled = np.zeros((PATCH_PICTURES, codes.width))
    np.add.at(pooled, (rows.repeat(np.diff(codes.indptr)), codes.indices), codes.values)
    images = session.world.embeddings("train").tower("image")[:PATCH_PICTURES]
    best = np.argsort(-pooled, axis=0, kind="stable")[:16].T
    return images[best].mean(axis=1)


@dataclass(frozen=True)
class SteeringPlan:
    """Which pictures to steer with which latents."""

    split: str
    """Split of the pictures."""
    insert: bool
    """True: pictures lack the concept, and the model should name it. False: they show it, and it should not."""
    latent: np.ndarray
    """(n,) rows of `DrawnLatents`."""
    picture: np.ndarray
    """(n,) row numbers of the pictures in the split."""


def plan_pictures(
    session: Session, drawn: DrawnLatents, split: str, insert: bool, each: int = PICTURES_PER_LATENT
) -> SteeringPlan:
    """Draw `each` random pictures per latent: without its concept anywhere, or with it in the right description."""
    random = np.random.default_rng([drawn.seed, int(insert), split == "dev"])
    facts = _facts(split, len(session.world.embeddings(split)))
    latents, pictures = [], []
    for at, concept in enumerate(drawn.concept):
        rows = [i for i, (told, there) in enumerate(facts) if (concept not in there if insert else concept in told)]
        chosen = random.choice(rows, min(each, len(rows)), replace=False)
        latents += [at] * len(chosen)
        pictures += chosen.tolist()
    return SteeringPlan(split, insert, np.array(latents), np.array(pictures))


@cache
def _facts(split: str, n: int) -> list[tuple[set[tuple[int, int]], set[tuple[int, int]]]]:
    """Return the facts that a description of each scene must mention, and all facts that are true of it."""
    facts = []
    for layout in (layout_of(split, 0, row) for row in range(n)):
        told = set(read(describe(layout).answer))
        facts.append((told, told | {fact for thing in layout.things for fact in ((0, thing.kind), (1, thing.colour))}))
    return facts


def describe_under(
    session: Session, plan: SteeringPlan, edit_of: Callable[[slice], Edit] | None, block: int | None = None
) -> list[str]:
    """Let the model describe a plan's pictures under an edit, as `describe_pictures` does."""
    images = session.world.pictures(plan.split)
    return describe_pictures(session, [images[int(i)] for i in plan.picture], edit_of, block)


def describe_pictures(
    session: Session, images: Sequence[Image], edit_of: Callable[[slice], Edit] | None, block: int | None = None
) -> list[str]:
    """Let the model describe pictures under an edit.

    edit_of: makes the edit for a batch of the pictures; None runs the model without an edit. block: the block whose
    output is edited; None: the one that the LLaVA reads.
    """
    llava, answers = session.world.llava, []
    for start in range(0, len(images), BATCH):
        rows = slice(start, start + BATCH)
        pictures = list(images[rows])
        asked = ["describe the picture"] * len(pictures)
        if edit_of is None:
            answers += llava.generate(pictures, asked, ANSWER_TOKENS)
        else:
            with steered(llava.vision_tower, _block(session, block), edit_of(rows)):
                answers += llava.generate(pictures, asked, ANSWER_TOKENS)
    return answers


def edit_of_arm(drawn: DrawnLatents, plan: SteeringPlan, arm: str, strength: float) -> Callable[[slice], Edit] | None:
    """Return the edit of an arm, or None for the plain model.

    strength: at least 0; suppression reverses its sign. A clamp sets the latent to `strength` times its scale; the
    difference in means is added `strength` times.
    """
    strength = strength if plan.insert else -strength

    def chosen(rows: slice, numbers: np.ndarray, scales: np.ndarray, keep_error: bool) -> Edit:
        at = plan.latent[rows]
        values = torch.from_numpy(strength * scales[at]).float()
        return clamp_each(drawn.sae, torch.from_numpy(numbers[at]), values, keep_error=keep_error)

    def clamped(keep_error: bool) -> Callable[[slice], Edit]:
        return lambda rows: chosen(rows, drawn.latent, drawn.scale, keep_error)

    return {
        "plain": None,
        "reconstruct": lambda _: reconstruct(drawn.sae),
        "clamp": clamped(False),
        "clamp + error": clamped(True),
        "difference in means": lambda rows: shift(drawn.means[plan.latent[rows]], strength),
        "random latent": lambda rows: chosen(rows, drawn.other, drawn.other_scale, True),
    }[arm]
