"""Paper 4: captions with a dial, and maskers of every arm with their dictionary, trained on the train split only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial

import numpy as np
import pandas as pd
import torch

from lib.base.errors import NotAvailable
from lib.base.files import in_cache
from lib.base.progress import progress
from lib.base.workers import Workers
from lib.data.atoms import MIXED as ANY_NUMBER
from lib.data.atoms import Atoms, contradict_atoms
from lib.data.atoms.draw_atoms import FACTORS as ATOM_FACTORS
from lib.data.atoms.draw_atoms import VALUES as ATOM_VALUES
from lib.data.scenes import scenes
from lib.data.scenes.dial import MIXED, Dialled, contradict, dial
from lib.data.scenes.scene_grammar import FACTORS, VALUES
from lib.editing.masker import ImageSide, Masker, MaskerConfig
from lib.editing.train_masker import MASKER, SharedImages, masker_key, train_masker_cached
from lib.encoders.embeddings import Embeddings
from lib.metrics.latent_facts import NAMING
from lib.papers.common.dictionaries import recipe_training, train_recipe
from lib.papers.p4.settings import setting_of
from lib.sae.base import SAE
from lib.sae.training.train_ahead import train_ahead
from lib.worlds.atoms import AtomWorld, embed_atoms
from lib.worlds.scenes import Scenes
from lib.worlds.session import Session
from lib.worlds.world import World

TRAINING_SCENES, PROBE_SCENES, TEST_SCENES = 20000, 5000, 500
"""Train pictures for maskers and for probes at most, and test pictures along the dial."""

DEV_CAPTIONS = 500
"""Dev pairs on which a training chooses its step."""

HALF_TOLD = 6
"""Number of facts told where the controls are compared: half of all facts."""


@dataclass(frozen=True)
class Captioned:
    """Pictures with captions of the dial."""

    dialled: Dialled | Atoms
    """Pictures and captions, and their true facts."""
    embeddings: Embeddings
    """The unit embeddings of the pairs."""

    @property
    def image(self) -> np.ndarray:
        """(n, d) picture embeddings."""
        return self.embeddings.tower("image")

    @property
    def text(self) -> np.ndarray:
        """(n, d) caption embeddings."""
        return self.embeddings.tower("text")


@dataclass(frozen=True)
class Editor:
    """A dictionary and a masker on top of it."""

    arm: str
    """Name of the masker's arm."""
    seed: int
    """Seed of dictionary and masker."""
    sae: SAE
    """The dictionary."""
    masker: Masker
    """The masker."""
    checks: pd.DataFrame
    """What the training saw of the dev pairs: step, loss, recall; the weights of the least loss were kept."""

    @property
    def kept(self) -> pd.Series:
        """The look at the dev pairs whose weights were kept."""
        return self.checks.loc[self.checks.loss.idxmin()]


@dataclass(frozen=True)
class Factors:
    """The range of facts that a world's captions can mention."""

    names: tuple[str, ...]
    """Every factor, in the order of the codes."""
    values: tuple[int, ...]
    """Number of values of each factor."""
    probed: tuple[str, ...]
    """Factors that probes read; all pictures have them."""
    wrong: tuple[str, ...]
    """Factors for which captions are changed to say a wrong value."""
    named: tuple[str, ...]
    """Groups of facts that may name a latent."""


SCENE_FACTORS = Factors(
    FACTORS,
    tuple(map(len, VALUES)),
    probed=("kind", "colour", "texture", "size", "background", "pattern", "count"),
    wrong=("kind", "colour", "texture", "background", "pattern"),
    named=NAMING,
)

DETAIL_FACTORS = replace(SCENE_FACTORS, probed=SCENE_FACTORS.probed[1:], wrong=SCENE_FACTORS.wrong[1:])
"""The groups where captions never mention the kind."""

_NUMBERS = tuple(str(factor) for factor in range(ATOM_FACTORS))
ATOM_WORLD_FACTORS = Factors(_NUMBERS, (ATOM_VALUES,) * ATOM_FACTORS, _NUMBERS[:7], _NUMBERS[:5], _NUMBERS)


def factors_of(session: Session) -> Factors:
    """The factors of the session's world; raises NotAvailable if its captions have no dial."""
    if isinstance(session.world, AtomWorld):
        return ATOM_WORLD_FACTORS
    return DETAIL_FACTORS if scenes_world(session).details else SCENE_FACTORS


def has_dial(session: Session) -> bool:
    """Whether the world's captions can be made with more or fewer facts."""
    return isinstance(session.world, Scenes | AtomWorld)


def scenes_world(session: Session) -> Scenes:
    """The session's world; raises NotAvailable if its captions have no words and no dial."""
    return scenes_of(session.world)


def scenes_of(world: World) -> Scenes:
    """The world, if it is one of scenes; else NotAvailable."""
    if not isinstance(world, Scenes):
        raise NotAvailable(f"world {world.name} has no caption dial; use profile scenes")
    return world


def caption_pictures(session: Session, split: str, n: int, told: int, caption: int = 0) -> Captioned:
    """Caption the first n pictures of a split with `told` facts each, or MIXED numbers of them, and embed both."""
    return _captioned(session.world, split, n, told, caption)


@lru_cache(16)
def _captioned(world: World, split: str, n: int, told: int, caption: int) -> Captioned:
    """`caption_pictures`, whose pairs several sections ask for."""
    if isinstance(world, AtomWorld):
        drawn = world.drawn_atoms(split, (told, told) if told else ANY_NUMBER, caption).first(n)
        return Captioned(drawn, embed_atoms(drawn))
    scenes = scenes_of(world)
    return embed_dialled(scenes, split, dial_once(split, n, told, caption, scenes.details))


@cache
def dial_once(split: str, n: int, told: int, caption: int = 0, details: bool = False) -> Dialled:
    """`dial`, computed once per process, since several sections use the same captions."""
    return dial(split, n, told, caption=caption, details=details)


def embed_dialled(world: Scenes, split: str, dialled: Dialled, rows: np.ndarray | None = None) -> Captioned:
    """Embed captions of the dial; pictures are the first rows of the world's split, or those in `rows`."""
    text = world.rows_of(dialled.pairs, "text")
    whole = world.embeddings(split).tower("image")
    image = np.asarray(whole[: len(text)] if rows is None else whole[rows])
    identity = {"pairs": dialled.pairs.identity, "encoder": world.encoder.identity, "unit": True}
    return Captioned(dialled, Embeddings(dialled.pairs.ids, image, text, world.encoder.name, True, identity))


def contradict_captions(session: Session, captions: Captioned, factor: int) -> tuple[Captioned, np.ndarray]:
    """Make test captions false of one factor; returns them with their pictures, and their numbers among the given."""
    if isinstance(captions.dialled, Atoms):
        false, kept = contradict_atoms(captions.dialled, factor)
        return Captioned(false, embed_atoms(false)), kept
    dialled, kept = contradict(captions.dialled, factor)
    return embed_dialled(scenes_world(session), "test", dialled, kept), kept


def training_pairs(session: Session) -> Captioned:
    """Train pictures for probes and means, each with one caption of any number of facts: the maskers' first ones."""
    whole = caption_pictures(session, "train", min(TRAINING_SCENES, session.world.size("train")), MIXED)
    rows = np.arange(min(PROBE_SCENES, len(whole.text)))
    return Captioned(whole.dialled.rows(rows), whole.embeddings.rows(rows, f"first {len(rows)}"))


def masker_pairs(session: Session) -> list[Embeddings]:
    """Pairs that maskers train on: the same pictures with other captions, for one epoch each.

    With a dial, captions tell any number of facts; in other worlds they are those that each picture of the train split
    has. Where the encoder itself has learnt that split, they are those of the dev split, all but its last fifth.
    """
    world = session.world
    if has_dial(session):
        size, count = min(TRAINING_SCENES, world.size("train")), setting_of(session).captions
        return [caption_pictures(session, "train", size, MIXED, caption).embeddings for caption in range(count)]
    if world.learnt_split == "train":
        return _each_caption(world, "dev", slice(0, 4 * world.size("dev") // 5))
    return _each_caption(world, "train", slice(0, world.size("train")))


def dev_pairs(session: Session) -> Embeddings:
    """Pairs on which a training chooses its step: with a dial, dev captions of any number of facts."""
    world = session.world
    if has_dial(session):
        return caption_pictures(session, "dev", min(DEV_CAPTIONS, world.size("dev")), MIXED).embeddings
    if world.learnt_split == "train":
        return _each_caption(world, "dev", slice(4 * world.size("dev") // 5, world.size("dev")))[0]
    return world.embeddings("dev")


def _each_caption(world: World, split: str, rows: slice) -> list[Embeddings]:
    """Rows of a split, once with each of their captions."""
    whole, texts = world.embeddings(split), world.caption_embeddings(split)
    numbers = np.arange(len(whole))[rows]
    some = whole.rows(numbers, f"{rows.start} to {rows.stop}")
    return [
        replace(some, text=texts[numbers, caption], identity={**some.identity, "caption": caption})
        for caption in range(texts.shape[1])
    ]


def fit_editors(session: Session, arms: Mapping[str, MaskerConfig] | None = None) -> list[Editor]:
    """Train arms, by default all, with every seed on the same pairs; a masker and its dictionary have the same seed."""
    setting = setting_of(session)
    arms, recipe = setting.arms if arms is None else arms, setting.dictionary
    train_ahead((recipe_training(session, recipe, seed) for seed in session.seeds), session.device)
    saes = {seed: train_recipe(session, recipe, seed) for seed in session.seeds}
    return fit_maskers(session, {(arm, seed): (arms[arm], saes[seed]) for arm in arms for seed in session.seeds})


def fit_maskers(session: Session, runs: Mapping[tuple[str, int], tuple[MaskerConfig, SAE]]) -> list[Editor]:
    """Train a masker for each arm and seed, given its configuration and its dictionary.

    As many train side by side as this process may use threads: their steps are too small for more threads to help.
    Those on one dictionary with the same share of its residual train one after another, and share their pictures.
    """
    pairs, dev = masker_pairs(session), dev_pairs(session)
    tasks = [(replace(config, seed=seed), sae) for (_, seed), (config, sae) in runs.items()]
    alike: dict[tuple[int, float], list[tuple[MaskerConfig, SAE]]] = {}
    for config, sae in tasks:
        if not in_cache(MASKER, masker_key(config, sae, pairs, dev)):
            alike.setdefault((id(sae), config.rho), []).append((config, sae))
    jobs = torch.get_num_threads() if session.device == "cpu" else 1
    parts = -(-jobs // max(1, len(alike)))  # so that no job is idle
    new = [part for group in alike.values() for i in range(parts) if (part := group[i::parts])]
    new.sort(key=len, reverse=True)
    for _ in progress(Workers(jobs).each(partial(_train, pairs, dev), new), total=len(new), desc="maskers"):
        pass
    editors = []
    for (arm, seed), (config, sae) in zip(runs, tasks, strict=True):
        trained = train_masker_cached(config, sae, pairs, dev)
        editors.append(Editor(arm, seed, sae, trained.masker, trained.checks))
    return editors


def _train(pairs: Sequence[Embeddings], dev: Embeddings, tasks: Sequence[tuple[MaskerConfig, SAE]]) -> None:
    """Train maskers on one dictionary into the cache."""
    images = SharedImages(tasks[0][1], pairs, dev)
    for config, sae in tasks:
        train_masker_cached(config, sae, pairs, dev, images)


def find_editor(editors: Iterable[Editor], arm: str, seed: int) -> Editor:
    """Find the editor of an arm and a seed."""
    return next(e for e in editors if (e.arm, e.seed) == (arm, seed))


def image_side(editor: Editor, embeddings: Embeddings) -> ImageSide:
    """Encode pictures as the editor's scores need them, in float64."""
    return ImageSide.of(editor.sae, embeddings, editor.masker.config.rho, dtype=torch.float64)


def long_captions(session: Session, split: str, n: int) -> Embeddings:
    """Embed the first n pictures of a split with their second, long caption."""
    world = scenes_world(session)
    pairs = scenes(split, n, details=world.details)
    assert pairs.captions is not None
    identity = {**pairs.identity, "caption": "long"}
    long = replace(pairs, captions=tuple((texts[1],) for texts in pairs.captions), identity=identity, facts=None)
    image, text = np.asarray(world.embeddings(split).tower("image")[:n]), world.rows_of(long, "text")
    return Embeddings(pairs.ids, image, text, world.encoder.name, True, {"pairs": identity, "unit": True})
