"""Paper 3: shared dictionaries of paired embeddings, from any world, and every measure of how split they are.

`Material` is what is studied: two towers of a world, or the controlled vectors. An arm is a way to train a dictionary
on it; both bias baselines are among the arms of every table, because most of what the group norm seems to gain is
gained by a bias for each modality.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from lib.data.controlled import Controlled, controlled
from lib.data.errors import NotAvailable
from lib.data.pairs import Pairs
from lib.data.progress import progress
from lib.encoders.embeddings import Embeddings, Tower
from lib.run.start import Session
from lib.sae.base import SAE
from lib.sae.codes import SparseCodes
from lib.sae.config import PairedConfig, SAEConfig, TrainConfig
from lib.sae.gsae import group_weight
from lib.sae.matching import match_latents
from lib.sae.paired import Paired
from lib.sae.train import train_cached
from lib.sae.train_ahead import Run, train_ahead
from lib.sae.two_towers import TwoTowers, side_by_side

Pair = tuple[Tower, Tower]

MASK = 0.2
"""The paper's probability for CLIP."""

ALIGN = 0.1
"""Weight of the iso-energy alignment; the published one belongs to another scale. Not tuned."""

WIDEST, STEPS = 1024, 500
"""Latents and steps of a run on a world's embeddings."""

CONTROLLED_PAIRS = (4000, 2000)
"""Pairs to train on and to test on."""


@dataclass(frozen=True)
class Setting:
    """Sizes of a training run. k: active latents. batch: pairs. lr: None for the rule of the width."""

    width: int
    k: int
    steps: int
    batch: int = 128
    lr: float | None = None


@dataclass(frozen=True)
class Material:
    """What is studied.

    towers: names of the two modalities. judge: embeddings of the test rows in a space that is not the encoder's and
    that both modalities share. prompts, labels: class prompts as embeddings of the second tower, and the class of each
    test row. None where the world has no such thing.
    """

    train: Embeddings
    test: Embeddings
    towers: Pair
    setting: Setting
    judge: tuple[np.ndarray, np.ndarray] | None = None
    prompts: Embeddings | None = None
    labels: np.ndarray | None = None


@dataclass(frozen=True)
class Arm:
    """How a dictionary is trained; `matched` are two dictionaries of half the width, one a modality, matched
    afterwards; `vl_sae` has one encoder without a bias, and a decoder for each modality."""

    recipe: str
    biases: int = 2
    grouped: float = 0.0
    """Weight of the group norm in units of the paper's at this K."""
    align: float = 0.0
    mask: float = 0.0


ARMS: dict[str, Arm] = {
    "SAE-1b": Arm("paired_topk", biases=1),
    "SAE-2b": Arm("paired_topk"),
    "GSAE": Arm("gsae", grouped=1.0),
    "MGSAE": Arm("mgsae", grouped=1.0, mask=MASK),
}
"""The paper's three, its baseline with one bias and with two."""

MORE_ARMS: dict[str, Arm] = {
    "BatchTopK-1b": Arm("paired_batch_topk", biases=1),
    "BatchTopK-2b": Arm("paired_batch_topk"),
    "Matryoshka-1b": Arm("paired_matryoshka", biases=1),
    "Matryoshka-2b": Arm("paired_matryoshka"),
    "iso-energy": Arm("iso_energy", align=ALIGN),
    "two, matched": Arm("matched"),
    "VL-SAE": Arm("vl_sae"),
}
"""What else is compared."""


@dataclass(frozen=True)
class Shared:
    """A dictionary as each modality sees it, and the codes of the test rows. Latents have one numbering."""

    arm: str
    seed: int
    views: dict[Tower, SAE]
    codes: dict[Tower, SparseCodes]

    @property
    def pair(self) -> tuple[SparseCodes, SparseCodes]:
        """The codes of the test rows, first modality and second."""
        first, second = self.codes.values()
        return first, second


def world_setting(session: Session, towers: Pair = ("image", "text")) -> Setting:
    """Sizes of the world's runs: the profile's K and, if it does not name others, four times as many latents as
    dimensions, WIDEST at most."""
    k, pairs = session.profile.sae.k, session.profile.pairs
    if pairs is not None:
        return Setting(pairs.width, k, pairs.steps, pairs.batch, lr=1e-3)
    d = session.world.embeddings("train").tower(towers[0]).shape[1]
    return Setting(width=min(4 * d, WIDEST), k=k, steps=STEPS, lr=1e-3)


def world_material(session: Session, setting: Setting, towers: Pair = ("image", "text")) -> Material:
    """The session's world: its splits, and judge and classes where it has them."""
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
    """What is true of each pair's first member and what its first caption says, both (n, facts), centred together."""
    if pairs.facts is None:
        return None
    truth, said = pairs.facts.truth.astype(np.float64), pairs.facts.mentioned[:, 0].astype(np.float64)
    return truth - truth.mean(axis=0), said - said.mean(axis=0)


def controlled_material(rho: float, seed: int, setting: Setting) -> Material:
    """Controlled vectors; the judge is their truth, the classes are the concepts, a row's class its strongest one."""
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
    )


def _embeddings(drawn: Controlled) -> Embeddings:
    return Embeddings(_ids(len(drawn.image)), drawn.image, drawn.text, "controlled", True, drawn.identity)


def _ids(n: int) -> np.ndarray:
    return np.array([f"{i:05d}" for i in range(n)])


def fit(material: Material, arm: Arm, seed: int, name: str, device: str = "cpu") -> Shared:
    """Train (or take from the cache) one arm with one seed and encode the test rows of both modalities."""
    trained = [train_cached(*run, device).sae for run in training_runs(material, arm, seed)]
    views = _matched(material, *trained) if arm.recipe == "matched" else _shared(material, *trained)
    codes = {tower: view.codes(material.test, tower) for tower, view in views.items()}
    return Shared(name, seed, views, codes)


def fit_all(material: Material, arms: Mapping[str, Arm], seeds: Iterable[int], device: str = "cpu") -> list[Shared]:
    """Every arm with every seed."""
    runs = [(name, arm, seed) for name, arm in arms.items() for seed in seeds]
    train_ahead((run for _, arm, seed in runs for run in training_runs(material, arm, seed)), device)
    return [fit(material, arm, seed, name, device) for name, arm, seed in progress(runs, desc="codes of pairs")]


def training_runs(material: Material, arm: Arm, seed: int) -> list[Run]:
    """One dictionary for both modalities, or, to be matched, one each with half of the latents."""
    s = material.setting
    if arm.recipe == "matched":
        config = _config(SAEConfig("topk", s.width // 2, s.k), s, seed)
        return [Run(config, material.train, tower) for tower in material.towers]
    if arm.recipe == "vl_sae":
        return [Run(_config(SAEConfig("vl_sae", s.width, s.k), s, seed), side_by_side(material.train))]
    paired = PairedConfig(
        arm.recipe,
        s.width,
        s.k,
        modalities=material.towers,
        biases=arm.biases,
        penalty=arm.grouped * group_weight(s.k) + arm.align,
        mask=arm.mask,
    )
    return [Run(_config(paired, s, seed), material.train, material.towers)]


def _shared(material: Material, sae: SAE) -> dict[Tower, SAE]:
    """A view of each modality; a dictionary of two towers is told the tower with every call, and is its own view."""
    if isinstance(sae, TwoTowers):
        return dict.fromkeys(material.towers, sae)
    assert isinstance(sae, Paired)
    return {tower: sae.of(tower) for tower in material.towers}


def _matched(material: Material, first: SAE, second: SAE) -> dict[Tower, SAE]:
    """The second's latents in the order of the first's, matched on training pairs."""
    codes = [sae.codes(material.train, tower) for sae, tower in zip((first, second), material.towers, strict=True)]
    return dict(zip(material.towers, (first, match_latents(*codes).apply(second)), strict=True))


def _config(config: SAEConfig, s: Setting, seed: int) -> TrainConfig:
    """The training run; no latent is ever called dead, so that AuxK, which the paper's settings never reach, is off."""
    never = 10 * s.steps * s.batch
    return TrainConfig(config, steps=s.steps, batch=s.batch, lr=s.lr, dead_after=never, seed=seed, log_every=0)
