"""Paper 3: shared dictionaries of paired embeddings from any world.

`Material` is the object of study: two towers of a world, or the controlled vectors. An arm is a way to train a
dictionary on it. Both baselines are among the arms of every table, because a bias for each modality accounts for most
of what the group norm seems to gain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from lib.base.errors import NotAvailable
from lib.base.progress import progress
from lib.data.controlled_pairs import Controlled, controlled
from lib.data.pairs import Pairs
from lib.encoders.embeddings import Embeddings, Tower
from lib.papers.common.setting import Setting
from lib.sae.base import Dictionary
from lib.sae.codes import SparseCodes
from lib.sae.config import PairedConfig, SAEConfig, TrainConfig, TwoTowerConfig
from lib.sae.matching import match_latents
from lib.sae.models.gsae import group_weight
from lib.sae.models.paired import Paired, PairedBatchTopK, PairedMatryoshka
from lib.sae.models.two_towers import TwoTowers
from lib.sae.training.train import train_cached
from lib.sae.training.train_ahead import Run, train_ahead
from lib.worlds.least_sizes import check_pairs_differ
from lib.worlds.session import Session

Pair = tuple[Tower, Tower]

MASK_PROBABILITY = 0.2
"""Probability of the mask, as in the paper for CLIP."""

SOUND_MASK_PROBABILITY = 0.1
"""Probability of the mask for sounds, as in the paper for CLAP."""

ALIGNMENT_WEIGHT = 0.1
"""Weight of the iso-energy alignment. It is not tuned; the published weight belongs to another scale."""

MOST_LATENTS, WORLD_STEPS, WORLD_DECAY = 1024, 500, 0.3
"""Of a run on a world's embeddings: the largest number of latents, the number of steps, and the share of them, at the
end, over which the learning rate falls."""

CONTROLLED_PAIRS = (8000, 4000)
"""Numbers of training and of test pairs."""


@dataclass(frozen=True)
class Material:
    """Paired embeddings for training dictionaries, and everything needed to measure them."""

    train: Embeddings
    """Training pairs."""
    test: Embeddings
    """Test pairs."""
    towers: Pair
    """Names of the two modalities."""
    setting: Setting
    """Sizes of the trainings."""
    judge: tuple[np.ndarray, np.ndarray] | None = None
    """Embeddings of the test rows of both modalities in a space that they share and that is not the encoder's."""
    prompts: Embeddings | None = None
    """Class prompts as embeddings of the second tower, None where there are no classes."""
    labels: np.ndarray | None = None
    """Class of each test row, None where there are no classes."""
    prompt_concepts: np.ndarray | None = None
    """Class prompts in the space of the judge; None where that is not known."""


@dataclass(frozen=True)
class PairedArm:
    """The settings for training a dictionary of pairs."""

    recipe: str
    """A name in `lib.sae.recipes`, or "matched": two dictionaries of half the width, one per modality, that are matched
    afterwards. "vl_sae" has one encoder without a bias, and a decoder for each modality."""
    biases: int = 2
    """One bias for both modalities, or one for each."""
    group_factor: float = 0.0
    """Weight of the group norm in units of the paper's at this K."""
    alignment_weight: float = 0.0
    """Weight of the iso-energy alignment."""
    mask_probability: float = 0.0
    """Probability with which a latent is hidden in training."""
    mask_rows: Literal["pair", "member"] = "pair"
    """Whether the members of a pair have the same latents hidden, or each its own."""


PAIRED_ARMS: dict[str, PairedArm] = {
    "SAE-1b": PairedArm("paired_topk", biases=1),
    "SAE-2b": PairedArm("paired_topk"),
    "GSAE": PairedArm("gsae", group_factor=1.0),
    "MGSAE": PairedArm("mgsae", group_factor=1.0, mask_probability=MASK_PROBABILITY),
}
"""The paper's three arms, with its baseline once with one bias and once with two."""

SOUND_ARMS: dict[str, PairedArm] = PAIRED_ARMS | {
    "MGSAE": PairedArm("mgsae", group_factor=1.0, mask_probability=SOUND_MASK_PROBABILITY),
}
"""The same arms for sounds."""

BATCH_ARMS: dict[str, PairedArm] = {
    "BatchTopK-1b": PairedArm("paired_batch_topk", biases=1),
    "BatchTopK-2b": PairedArm("paired_batch_topk"),
    "Matryoshka-1b": PairedArm("paired_matryoshka", biases=1),
    "Matryoshka-2b": PairedArm("paired_matryoshka"),
}
"""The further baselines of the paper's table 1, each with one bias and with two."""

MORE_PAIRED_ARMS: dict[str, PairedArm] = BATCH_ARMS | {
    "iso-energy": PairedArm("iso_energy", alignment_weight=ALIGNMENT_WEIGHT),
    "two, matched": PairedArm("matched"),
    "VL-SAE": PairedArm("vl_sae"),
}
"""Further arms to compare with."""


@dataclass(frozen=True)
class Shared:
    """A trained dictionary as each modality sees it, with one numbering of latents."""

    arm: str
    """Name of its arm."""
    seed: int
    """Seed of the training."""
    views: dict[Tower, Dictionary]
    """The dictionary of each modality."""
    codes: dict[Tower, SparseCodes]
    """Codes of the test rows of each modality."""

    @property
    def pair(self) -> tuple[SparseCodes, SparseCodes]:
        """Codes of the test rows of the first modality and of the second."""
        first, second = self.codes.values()
        return first, second


def world_setting(session: Session, towers: Pair = ("image", "text")) -> Setting:
    """Sizes of the trainings in the session's world: those of the profile, if it names any.

    Otherwise the profile's K, and four times as many latents as dimensions, MOST_LATENTS at most. It comes before all
    trainings, so pairs that do not differ are refused here.
    """
    check_pairs_differ(session)
    k, pairs, lr = session.profile.sae.k, session.profile.pairs, session.profile.pair_rate
    if pairs is not None:
        return Setting(pairs.width, k, pairs.steps, pairs.batch, lr)
    d = session.world.embeddings("train").tower(towers[0]).shape[1]
    return Setting(width=min(4 * d, MOST_LATENTS), k=k, steps=WORLD_STEPS, lr=lr, decay=WORLD_DECAY)


def world_material(session: Session, setting: Setting, towers: Pair = ("image", "text")) -> Material:
    """Make material of the session's world: its splits, and judge and classes where it has them."""
    world = session.world
    train, test = world.embeddings("train"), world.embeddings("test")
    judge = prompts = labels = None
    try:
        judge = fact_judge(world.pairs("test"))
        prompts, labels = world.classes("test")
    except NotAvailable:
        pass
    return Material(train, test, towers, setting, judge, prompts, labels)


def fact_judge(pairs: Pairs) -> tuple[np.ndarray, np.ndarray] | None:
    """Facts that are true of each pair's first member, and facts of its first caption: (n, facts) each, centred."""
    if pairs.facts is None:
        return None
    truth, said = pairs.facts.truth.astype(np.float64), pairs.facts.mentioned[:, 0].astype(np.float64)
    return truth - truth.mean(axis=0), said - said.mean(axis=0)


def controlled_material(rho: float, seed: int, setting: Setting) -> Material:
    """Make material of controlled vectors: their truth is the judge, and a row's class is its strongest concept."""
    n_train, n_test = CONTROLLED_PAIRS
    train, test = controlled(rho, n_train, seed), controlled(rho, n_test, seed, part=1)
    prompts = Embeddings(_ids(len(test.prompts)), None, test.prompts, "controlled", True, test.identity)
    return Material(
        _embeddings(train),
        _embeddings(test),
        ("image", "text"),
        setting,
        (test.amounts, test.amounts),
        prompts,
        test.strongest,
        np.eye(len(test.prompts)),
    )


def _embeddings(drawn: Controlled) -> Embeddings:
    return Embeddings(_ids(len(drawn.image)), drawn.image, drawn.text, "controlled", True, drawn.identity)


def _ids(n: int) -> np.ndarray:
    return np.array([f"{i:05d}" for i in range(n)])


def fit_paired_arm(material: Material, arm: PairedArm, seed: int, name: str, device: str = "cpu") -> Shared:
    """Train one arm with one seed, or take it from the cache, and encode the test rows of both modalities.

    All arms have K active latents on average: BatchTopK and Matryoshka select among all test rows together.
    """
    trained = [train_cached(*run, device).sae for run in paired_trainings(material, arm, seed)]
    for sae in trained:
        if isinstance(sae, PairedBatchTopK | PairedMatryoshka):
            spend_k(sae, material)
    views = _matched(material, *trained) if arm.recipe == "matched" else _shared(material, *trained)
    codes = {tower: view.codes(material.test, tower) for tower, view in views.items()}
    return Shared(name, seed, views, codes)


def fit_paired_arms(
    material: Material, arms: Mapping[str, PairedArm], seeds: Iterable[int], device: str = "cpu"
) -> list[Shared]:
    """Fit every arm with every seed."""
    runs = [(name, arm, seed) for name, arm in arms.items() for seed in seeds]
    train_ahead((run for _, arm, seed in runs for run in paired_trainings(material, arm, seed)), device)
    return [
        fit_paired_arm(material, arm, seed, name, device) for name, arm, seed in progress(runs, desc="codes of pairs")
    ]


def paired_trainings(material: Material, arm: PairedArm, seed: int) -> list[Run]:
    """Trainings of an arm: one for both modalities or, to be matched, one for each with half of the latents."""
    s = material.setting
    if arm.recipe == "matched":
        config = _config(SAEConfig("topk", s.width // 2, s.k), s, seed)
        return [Run(config, material.train, tower) for tower in material.towers]
    if arm.recipe == "vl_sae":
        return [Run(_config(TwoTowerConfig("vl_sae", s.width, s.k), s, seed), material.train, material.towers)]
    paired = PairedConfig(
        arm.recipe,
        s.width,
        s.k,
        modalities=material.towers,
        biases=arm.biases,
        penalty=arm.group_factor * group_weight(s.k) + arm.alignment_weight,
        mask=arm.mask_probability,
        mask_rows=arm.mask_rows,
    )
    return [Run(_config(paired, s, seed), material.train, material.towers)]


def _shared(material: Material, sae: Dictionary) -> dict[Tower, Dictionary]:
    """The view of each modality; a dictionary of two towers is its own view, as it takes the tower with every call."""
    if isinstance(sae, TwoTowers):
        return dict.fromkeys(material.towers, sae)
    assert isinstance(sae, Paired)
    return {tower: sae.of(tower) for tower in material.towers}


@torch.no_grad()
def spend_k(sae: PairedBatchTopK | PairedMatryoshka, material: Material) -> None:
    """Set the threshold such that the test rows of both modalities have K active latents each on average.

    The threshold of training is the average of batches of training rows. With few of them an unseen row may exceed it
    in many more latents than K, and arms of unequal L0 cannot be compared.
    """
    views = {tower: sae.of(tower) for tower in material.towers}
    rows = {tower: torch.from_numpy(material.test.tower(tower)).to(sae.W_dec.device) for tower in views}
    pre = torch.cat([view.pre_activations(rows[tower]).flatten() for tower, view in views.items()])
    count = sae.config.k * sum(len(part) for part in rows.values())
    sae.threshold.copy_(pre.topk(count + 1, sorted=False).values.min().clamp(min=0))


def _matched(material: Material, first: Dictionary, second: Dictionary) -> dict[Tower, Dictionary]:
    """Views of two dictionaries, the second's latents in the order of the first's, matched on training pairs."""
    codes = [sae.codes(material.train, tower) for sae, tower in zip((first, second), material.towers, strict=True)]
    return dict(zip(material.towers, (first, match_latents(*codes).apply(second)), strict=True))


def _config(config: SAEConfig, s: Setting, seed: int) -> TrainConfig:
    """Configuration of a training without AuxK: no latent counts as dead, as with the paper's settings."""
    never = 10 * s.steps * s.batch
    return TrainConfig(
        config, steps=s.steps, batch=s.batch, lr=s.lr, decay=s.decay, dead_after=never, seed=seed, log_every=0
    )
