"""Paper 2: dictionaries of pairs, and whether their latents mean the same in pictures and in captions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from lib.data.progress import progress
from lib.encoders.embeddings import Embeddings
from lib.metrics.code_overlap import common_latents, frequent, overlap, without
from lib.metrics.concept_alignment import alignment, concept_means, first_occurrences
from lib.metrics.fidelity import fvu
from lib.metrics.firing import firing
from lib.metrics.retrieval import retrieval
from lib.metrics.top_examples import TopExamples, top_examples
from lib.run.start import Session
from lib.run.studies.split import Setting
from lib.sae.base import SAE
from lib.sae.codes import SparseCodes
from lib.sae.config import SAEConfig, TrainConfig
from lib.sae.kmeans import centred, kmeans
from lib.sae.train import train_cached
from lib.sae.train_ahead import Run, train_ahead
from lib.sae.two_towers import TOWERS, TwoTowers, side_by_side
from lib.sae.untrained import untrained

WIDTH, K = 512, 32
"""One latent in sixteen is active, as in the paper's ViT-B models (256 of 4096)."""

STEPS, BATCH, RATE = 800, 128, 1e-3
"""The rate is that of the released CLIP script; the paper prints 1e-4 (`rate_table` shows what that gives)."""

RATES = (1e-4, RATE)
"""The paper's and its code's."""

L1 = 1e-4
"""Weight of the L1 term, the paper's."""

TOP = 10
"""Pictures and captions that stand for a latent, as in the released code."""

MEASURES = ("intra", "inter", "gap", "auc", "floor")
"""What of an `Alignment` stands in the table."""

CANDIDATES = 1000
"""Pairs among which codes are retrieved, at most."""


@dataclass(frozen=True)
class Arm:
    """One way to make a dictionary of pairs.

    recipe: in `lib.sae.recipes.TWO_TOWER_RECIPES`, or "kmeans". sparser: what K is divided by. rows: share of the
    training rows. centre: subtract each tower's mean first. shuffle: train with the captions in another order than the
    pictures.
    """

    name: str
    recipe: str
    sparser: int = 1
    rows: float = 1.0
    centre: bool = False
    shuffle: bool = False
    trained: bool = True
    rate: float = RATE


SEPARATE, SHARED, UNIFIED = MAIN = (Arm("SAE-D", "sae_d"), Arm("SAE-S", "sae_s"), Arm("VL-SAE", "vl_sae"))
ABLATIONS = (
    Arm("distance, one decoder", "distance_shared"),
    Arm("cosine, two decoders", "vl_sae_cosine"),
    Arm("L1 for TopK", "distance_l1"),
)
CENTRED = Arm("SAE-S centred", "sae_s", centre=True)
BASELINES = (Arm("untrained", "vl_sae", trained=False), Arm("k-means", "kmeans", centre=True))
SHUFFLED = replace(UNIFIED, name="VL-SAE shuffled", shuffle=True)
LESS_DATA = replace(UNIFIED, name="VL-SAE on 10%", rows=0.1)
SWEEP = tuple(replace(arm, sparser=4) for arm in MAIN)

ARMS = {
    "20_concepts": (*MAIN, *BASELINES, SHUFFLED, LESS_DATA),
    "23_sparsity": (*MAIN, *BASELINES, *SWEEP),
    "24_encoder": (SHARED, CENTRED, UNIFIED, *ABLATIONS),
}
"""What each notebook trains and measures."""


@dataclass(frozen=True)
class FittedPair:
    """A dictionary of pairs of one arm and seed, in the session's world."""

    session: Session
    arm: Arm
    seed: int
    sae: TwoTowers

    def embeddings(self, split: str) -> Embeddings:
        """A split as this dictionary takes it."""
        world = self.session.world
        return _prepared(world.embeddings(split), world.embeddings("train"), self.arm)

    @cached_property
    def test(self) -> tuple[SparseCodes, SparseCodes]:
        """Codes of the pictures and captions of the test split."""
        rows = self.embeddings("test")
        return self.sae.codes(rows, "image"), self.sae.codes(rows, "text")

    def top(self, m: int = TOP, *, unique: bool = True) -> tuple[TopExamples, TopExamples]:
        """The m strongest pictures and captions of each latent in the world's concept split.

        unique: of captions that occur more than once only the first may enter. The released metric keeps them all.
        """
        world = self.session.world
        rows = self.embeddings(world.concept_split)
        image, text = (self.sae.codes(rows, tower) for tower in TOWERS)
        if unique:
            first = first_occurrences(world.embeddings(world.concept_split).tower("text"))
            text = SparseCodes.from_matrix(text.ids, text.csr().multiply(first[:, None]).tocsr())
        return top_examples(image, m), top_examples(text, m)


def setting(session: Session) -> Setting:
    """Sizes of the world's runs: the profile's, if it names some."""
    pairs = session.profile.pairs
    if pairs is None:
        return Setting(WIDTH, K, STEPS, BATCH)
    return Setting(pairs.width, session.profile.sae.k, pairs.steps, pairs.batch)


def training_runs(session: Session, arms: Iterable[Arm]) -> Iterator[Run]:
    """All trainings of the arms, with every seed of the session."""
    for arm in arms:
        if arm.trained and arm.recipe != "kmeans":
            yield from (training_run(session, arm, seed) for seed in session.seeds)


def training_run(session: Session, arm: Arm, seed: int) -> Run:
    """The training of an arm on the training pairs."""
    train, sizes = session.world.embeddings("train"), setting(session)
    data = _prepared(train, train, arm)
    if arm.rows < 1:
        count = int(arm.rows * len(data))
        data = data.rows(np.arange(count), f"first {count}")
    if arm.shuffle:
        data = shuffled_captions(data, seed)
    recipe = "vl_sae" if arm.recipe == "kmeans" else arm.recipe
    k = sizes.width if recipe == "distance_l1" else sizes.k // arm.sparser
    config = TrainConfig(
        SAEConfig(recipe, sizes.width, k, L1),
        steps=sizes.steps,
        batch=sizes.batch,
        lr=arm.rate,
        decay=0.5,
        dead_after=3 * len(train),
        seed=seed,
    )
    return Run(config, side_by_side(data))


def fit(session: Session, arm: Arm, seed: int) -> FittedPair:
    """Train (or take from the cache) one dictionary on the training pairs."""
    run = training_run(session, arm, seed)
    if arm.recipe == "kmeans":
        train = session.world.embeddings("train")
        sae: SAE = kmeans(run.config.sae, _prepared(train, train, arm), seed)
    elif arm.trained:
        sae = train_cached(*run, session.device).sae
    else:
        sae = untrained(run.config, run.embeddings)
    assert isinstance(sae, TwoTowers)
    return FittedPair(session, arm, seed, sae)


def fit_all(session: Session, arms: Sequence[Arm]) -> list[FittedPair]:
    """Every arm with every seed of the session."""
    train_ahead(training_runs(session, arms), session.device)
    runs = [(arm, seed) for arm in arms for seed in session.seeds]
    return [fit(session, *run) for run in progress(runs, desc="codes of pairs")]


def shuffled_captions(data: Embeddings, seed: int) -> Embeddings:
    """The same rows with the captions in another order."""
    order = np.random.default_rng(seed).permutation(len(data))
    identity = {**data.identity, "captions shuffled by": seed}
    return Embeddings(data.ids, data.image, data.tower("text")[order], data.encoder, data.normalised, identity)


def alignment_table(session: Session, fitted: Iterable[FittedPair]) -> pd.DataFrame:
    """One row for each dictionary and judge: arm, k, seed, judge, and the numbers of `Alignment`.

    sd: over trials, of intra - inter. repeated: intra where captions that occur twice are kept. A dictionary in which
    fewer than two latents have both pictures and captions has none of these numbers.
    """
    judges = session.world.pair_judges(session.world.concept_split)
    rows = []
    for f in progress(list(fitted), desc="alignment"):
        tops, repeats = f.top(), f.top(unique=False)
        both = int(((tops[0].counts > 0) & (tops[1].counts > 0)).sum())
        for name, judge in judges.items():
            about = {"arm": f.arm.name, "k": f.sae.config.k, "seed": f.seed, "judge": name, "latents": both}
            image, text = (concept_means(judge.tower(tower), top) for tower, top in zip(TOWERS, tops, strict=True))
            doubled = concept_means(judge.tower("text"), repeats[1])
            rows.append(about | (_alignment_row(image, text, doubled, f.seed) if both > 1 else {}))
    columns = ["arm", "k", "seed", "judge", *MEASURES, "latents", "sd", "repeated"]
    return pd.DataFrame(rows, columns=columns)


def _alignment_row(image: np.ndarray, text: np.ndarray, doubled: np.ndarray, seed: int) -> dict[str, float]:
    found = alignment(image, text, np.random.default_rng(seed))
    with_repeats = alignment(image, doubled, np.random.default_rng(seed))
    row = {key: getattr(found, key) for key in (*MEASURES, "latents")}
    return row | {"sd": found.gaps.std(), "repeated": with_repeats.intra}


def code_table(fitted: Iterable[FittedPair]) -> pd.DataFrame:
    """One row for each dictionary, on test pairs: FVU and dead latents of each tower, and how the two codes agree.

    matched, random: code cosine of true and of other pairs; rare_*: without latents that fire on most rows, whose
    number is `frequent`. shared_*: share of a picture's latents that the caption has. r1, r10: text-to-image recall
    among at most CANDIDATES pairs, from codes alone. only_shared: FVU of pictures from the shared latents alone.
    """
    rows = []
    for f in progress(list(fitted), desc="codes"):
        data, (image, text) = f.embeddings("test"), f.test
        often = frequent(image, text)
        agree, rare = overlap(image, text), overlap(without(image, often), without(text, often))
        few = min(CANDIDATES, len(image))
        ranks = retrieval(image.csr()[:few].toarray(), text.csr()[:few].toarray()).text_to_image
        about = {"arm": f.arm.name, "k": f.sae.config.k, "seed": f.seed}
        fidelity = dict.fromkeys(("fvu_image", "fvu_text", "only_shared"), np.nan)
        if f.arm.recipe != "kmeans" and f.arm.trained:
            both = zip(TOWERS, (image, text), strict=True)
            fidelity |= {f"fvu_{t}": fvu(data.tower(t), f.sae.reconstruct(codes, t)) for t, codes in both}
            fidelity["only_shared"] = fvu(data.tower("image"), f.sae.reconstruct(common_latents(image, text)[0]))
        rows.append(
            about
            | fidelity
            | {"dead_image": firing(image).dead_share, "dead_text": firing(text).dead_share}
            | {"matched": agree.cosine, "random": agree.cosine_random}
            | {"rare_matched": rare.cosine, "rare_random": rare.cosine_random, "frequent": int(often.sum())}
            | {"shared": agree.shared, "shared_random": agree.shared_random}
            | {"r1": ranks.recall(1), "r10": ranks.recall(10)}
        )
    return pd.DataFrame(rows)


def rate_table(session: Session) -> pd.DataFrame:
    """FVU of dev pairs at the paper's learning rate and at its code's: rate, tower, fvu (first seed)."""
    arms, seed, rows = [replace(UNIFIED, rate=rate) for rate in RATES], session.seeds[0], []
    train_ahead((training_run(session, arm, seed) for arm in arms), session.device)
    for rate, arm in zip(RATES, arms, strict=True):
        f = fit(session, arm, seed)
        dev = f.embeddings("dev")
        for tower in TOWERS:
            rows.append(
                {
                    "rate": rate,
                    "tower": tower,
                    "fvu": fvu(dev.tower(tower), f.sae.reconstruct(f.sae.codes(dev, tower), tower)),
                }
            )
    return pd.DataFrame(rows)


def _prepared(data: Embeddings, train: Embeddings, arm: Arm) -> Embeddings:
    return centred(data, train) if arm.centre else data
