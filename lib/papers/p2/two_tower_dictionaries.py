"""Paper 2: dictionaries of image-text pairs: the arms that are compared, and their training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np

from lib.base.progress import progress
from lib.encoders.embeddings import Embeddings
from lib.encoders.modality_gap import set_gap
from lib.metrics.concept_alignment import first_occurrences
from lib.metrics.top_examples import TopExamples, top_examples
from lib.papers.common.setting import Setting
from lib.sae.base import Dictionary
from lib.sae.codes import SparseCodes
from lib.sae.config import TrainConfig, TwoTowerConfig
from lib.sae.models.exemplars import exemplars
from lib.sae.models.kmeans import centre_towers, kmeans
from lib.sae.models.two_towers import TOWERS, TwoTowers
from lib.sae.training.least_squares import fit_decoders
from lib.sae.training.train import train_cached
from lib.sae.training.train_ahead import Run, train_ahead
from lib.sae.training.untrained import untrained
from lib.worlds.least_sizes import (
    PAIR_LATENTS,
    SMALL_SHARE,
    TOP_MEMBERS,
    check_pairs_differ,
    check_sizes,
    concept_lists,
)
from lib.worlds.session import Session

DEFAULT_WIDTH, DEFAULT_K = PAIR_LATENTS, 32
"""Latents and active latents; one in sixteen is active, as in the paper's ViT-B models (256 of 4096)."""

FOUND = {"kmeans": kmeans, "exemplars": exemplars}
"""Encoders that are computed from the rows and not trained."""

DEFAULT_STEPS, DEFAULT_BATCH, LEARNING_RATE = 800, 128, 1e-3
"""Steps, pairs per step and learning rate.

The rate is that of the released CLIP script; the paper prints 1e-4 (`n20_rates` shows what that gives).
"""

NORM = 10.0
"""Norm of the rows in training, about that of the raw CLIP embeddings on which the paper trains."""

L1_WEIGHT = 1e-4
"""Weight of the L1 term, as in the paper."""


@dataclass(frozen=True)
class TwoTowerArm:
    """One way to make a dictionary of pairs."""

    name: str
    """Name of the arm in tables and figures."""
    recipe: str
    """A two-tower recipe of `lib.sae.recipes`, or "kmeans" or "exemplars"."""
    k_divisor: int = 1
    """Train with K divided by this number."""
    rows: float = 1.0
    """Share of the training rows to train on."""
    subtract: Literal["nothing", "means", "random"] = "nothing"
    """The vector to subtract from each tower's rows: its mean, or a random vector of the same length."""
    gap: float | None = None
    """Strength of the modality gap that the rows get (`set_gap`); None leaves them unchanged."""
    shuffle: bool = False
    """Train with the captions in another order than the pictures."""
    trained: bool = True
    """Whether to train it; otherwise it stays as it is initialised, as a control."""
    rate: float = LEARNING_RATE
    """Peak of the learning rate."""
    norm: float = NORM
    """Norm of the rows in training."""

    @property
    def learns(self) -> bool:
        """True if the arm needs any training."""
        return self.trained and self.recipe not in FOUND


SAE_D = TwoTowerArm("SAE-D", "sae_d")
SAE_S = TwoTowerArm("SAE-S", "sae_s")
VL_SAE = TwoTowerArm("VL-SAE", "vl_sae")
MAIN_ARMS = (SAE_D, SAE_S, VL_SAE)
ONE_DECODER = TwoTowerArm("distance, one decoder", "distance_shared")
COSINE = TwoTowerArm("cosine, two decoders", "vl_sae_cosine")
ABLATION_ARMS = (ONE_DECODER, COSINE, TwoTowerArm("L1 for TopK", "distance_l1"))
CENTRED_SAE_S = TwoTowerArm("SAE-S centred", "sae_s", subtract="means")
SHIFTED_SAE_S = TwoTowerArm("SAE-S shifted", "sae_s", subtract="random")
UNTRAINED = TwoTowerArm("untrained", "vl_sae", trained=False)
KMEANS = TwoTowerArm("k-means", "kmeans", subtract="means")
EXEMPLARS = TwoTowerArm("exemplars", "exemplars", subtract="means")
BASELINE_ARMS = (UNTRAINED, EXEMPLARS, KMEANS)
UNTRAINED_ABLATIONS = tuple(replace(arm, name=f"{arm.name}, untrained", trained=False) for arm in (ONE_DECODER, COSINE))
SHUFFLED_VL_SAE = replace(VL_SAE, name="VL-SAE shuffled", shuffle=True)
LESS_DATA = replace(VL_SAE, name="VL-SAE on 10%", rows=SMALL_SHARE)
SPARSER_ARMS = tuple(replace(arm, k_divisor=4) for arm in MAIN_ARMS)
SPARSER_STARTS = tuple(replace(arm, name=f"{arm.name}, untrained", trained=False) for arm in SPARSER_ARMS)

NOTEBOOK_ARMS = {
    "20_concepts": (*MAIN_ARMS, *BASELINE_ARMS, SHUFFLED_VL_SAE, LESS_DATA),
    "23_sparsity": (*MAIN_ARMS, UNTRAINED, KMEANS, *SPARSER_ARMS, *SPARSER_STARTS),
    "24_encoder": (
        SAE_S,
        CENTRED_SAE_S,
        SHIFTED_SAE_S,
        VL_SAE,
        *ABLATION_ARMS,
        UNTRAINED,
        KMEANS,
        *UNTRAINED_ABLATIONS,
    ),
}
"""The arms that each notebook trains and measures."""


@dataclass(frozen=True)
class FittedTwoTower:
    """A dictionary of pairs in the session's world."""

    session: Session
    """Session in whose world it was trained."""
    arm: TwoTowerArm
    """The arm that made it."""
    seed: int
    """Seed of the training."""
    sae: TwoTowers
    """The dictionary."""

    def embeddings(self, split: str) -> Embeddings:
        """Embeddings of a split, as the arm takes them."""
        world = self.session.world
        return _prepared(world.embeddings(split), world.embeddings("train"), self.arm.gap, self.arm.subtract)

    @cached_property
    def test(self) -> tuple[SparseCodes, SparseCodes]:
        """Codes of the pictures and captions of the test split."""
        rows = self.embeddings("test")
        return self.sae.codes(rows, "image"), self.sae.codes(rows, "text")

    def top(self, m: int = TOP_MEMBERS, *, unique: bool = True) -> tuple[TopExamples, TopExamples]:
        """The m strongest pictures and captions of each latent in the world's concept split.

        unique: use only the first of captions that occur more than once. The released metric keeps them all.
        """
        world = self.session.world
        rows = self.embeddings(world.concept_split)
        image, text = (self.sae.codes(rows, tower) for tower in TOWERS)
        if unique:
            first = first_occurrences(world.embeddings(world.concept_split).tower("text"))
            text = SparseCodes.from_matrix(text.ids, text.csr().multiply(first[:, None]).tocsr())
        return top_examples(image, m), top_examples(text, m)


def two_tower_setting(session: Session) -> Setting:
    """Sizes of the trainings in the session's world: those of the profile, if it names any."""
    pairs = session.profile.pairs
    if pairs is None:
        return Setting(DEFAULT_WIDTH, DEFAULT_K, DEFAULT_STEPS, DEFAULT_BATCH)
    return Setting(pairs.width, session.profile.sae.k, pairs.steps, pairs.batch)


def check_pairs(session: Session) -> None:
    """Refuse fewer pairs than the arms of a notebook and their lists need, and pairs that do not differ."""
    check_sizes(session, concept_lists(two_tower_setting(session).width))
    check_pairs_differ(session)


def two_tower_trainings(session: Session, arms: Sequence[TwoTowerArm], seeds: int | None = None) -> Iterator[Run]:
    """Configuration and rows of all trainings of the arms, with every seed of the session, or the first `seeds`."""
    if any(arm.recipe in FOUND for arm in arms):
        check_pairs(session)
    return (two_tower_training(session, arm, seed) for arm in arms if arm.learns for seed in session.seeds[:seeds])


def two_tower_training(session: Session, arm: TwoTowerArm, seed: int) -> Run:
    """Configuration and rows of the training of an arm with one seed."""
    train, sizes = session.world.embeddings("train"), two_tower_setting(session)
    data = _prepared(train, train, arm.gap, arm.subtract)
    if arm.rows < 1:
        count = int(arm.rows * len(data))
        data = data.rows(np.arange(count), f"first {count}")
    if arm.shuffle:
        data = shuffled_captions(data, seed)
    recipe = "vl_sae" if arm.recipe in FOUND else arm.recipe
    k = sizes.width if recipe == "distance_l1" else sizes.k // arm.k_divisor
    config = TrainConfig(
        TwoTowerConfig(recipe, sizes.width, k, L1_WEIGHT, norm=arm.norm),
        steps=sizes.steps,
        batch=sizes.batch,
        lr=arm.rate,
        decay=0.5,
        dead_after=3 * len(TOWERS) * len(train),
        seed=seed,
    )
    return Run(config, data, TOWERS)


def fit_two_tower_arm(session: Session, arm: TwoTowerArm, seed: int) -> FittedTwoTower:
    """Train one dictionary on the training pairs, or take it from the cache.

    An encoder that is not trained gets the decoders that are best for it, by least squares on the training pairs.
    """
    run = two_tower_training(session, arm, seed)
    if arm.learns:
        sae: Dictionary = train_cached(*run, session.device).sae
    else:
        config = run.config.sae
        assert isinstance(config, TwoTowerConfig)
        sae = FOUND[arm.recipe](config, run.embeddings, seed) if arm.recipe in FOUND else untrained(*run)
        assert isinstance(sae, TwoTowers)
        fit_decoders(sae, run.embeddings)
    assert isinstance(sae, TwoTowers)
    return FittedTwoTower(session, arm, seed, sae)


def fit_two_tower_arms(session: Session, arms: Sequence[TwoTowerArm], seeds: int | None = None) -> list[FittedTwoTower]:
    """Fit every arm with every seed of the session, or with the first `seeds` of them."""
    train_ahead(two_tower_trainings(session, arms, seeds), session.device)
    runs = [(arm, seed) for arm in arms for seed in session.seeds[:seeds]]
    return [fit_two_tower_arm(session, *run) for run in progress(runs, desc="codes of pairs")]


def shuffled_captions(data: Embeddings, seed: int) -> Embeddings:
    """Put the captions into another order, drawn with the seed."""
    order = np.random.default_rng(seed).permutation(len(data))
    identity = {**data.identity, "captions shuffled by": seed}
    return Embeddings(data.ids, data.image, data.tower("text")[order], data.encoder, data.normalised, identity)


def less_random_vectors(data: Embeddings, train: Embeddings) -> Embeddings:
    """Subtract from each tower a vector of random direction (the same for all seeds), as long as the tower's mean."""
    drawn = np.random.default_rng(0).standard_normal((len(TOWERS), data.tower("image").shape[1]))
    lengths = [np.linalg.norm(train.tower(tower).mean(axis=0, dtype=np.float64)) for tower in TOWERS]
    offsets = drawn * (np.array(lengths) / np.linalg.norm(drawn, axis=1))[:, None]
    image, text = ((data.tower(t) - offset).astype(np.float32) for t, offset in zip(TOWERS, offsets, strict=True))
    identity = {**data.identity, "less random vectors as long as the means of": train.identity}
    return replace(data, image=image, text=text, normalised=False, identity=identity)


@lru_cache(6)
def _prepared(data: Embeddings, train: Embeddings, gap: float | None, subtract: str) -> Embeddings:
    """Move or centre embeddings as an arm takes them; seeds and measures ask for the same ones again and again."""
    if gap is not None:
        data, train = set_gap(data, train, gap), set_gap(train, train, gap)
    if subtract == "means":
        return centre_towers(data, train)
    return less_random_vectors(data, train) if subtract == "random" else data
