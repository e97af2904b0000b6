"""Paper 4: retrieval tests with short and long captions, and the ranks of every arm in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from lib.base.progress import progress
from lib.data.scenes import scenes
from lib.editing.masks import exchange_masks
from lib.encoders.embeddings import Embeddings
from lib.metrics.retrieval import Retrieval, rank_scores
from lib.papers.p4.baseline_scores import masked_scores, reconstruction_scores
from lib.papers.p4.editors import Editor, find_editor, image_side
from lib.papers.p4.oracle_masks import ORACLE, Oracle
from lib.papers.p4.settings import setting_of
from lib.worlds.atoms import AtomWorld, embed_atoms
from lib.worlds.caption_factors import has_dial, scenes_world
from lib.worlds.session import Session

SHORT, LONG = (2, 4), (7, 12)
"""Smallest and largest number of facts in short and in long captions."""


@dataclass(frozen=True)
class Pool:
    """The pictures and captions of one retrieval test."""

    name: str
    """Name of the test in tables."""
    image: Embeddings
    """Pictures."""
    text: np.ndarray
    """(m, d) captions."""
    owner: np.ndarray
    """(m,) number of the picture to which each caption belongs."""
    asserted: np.ndarray | None = None
    """(m, factors) codes that the captions assert, where they are known."""


def main_pools(session: Session, n: int | None = None) -> list[Pool]:
    """The main tests, on which claims are judged, of at most n pictures, by default as many as the setting says.

    Where the content of captions is known, there is a test with short captions (2 to 4 facts) and one with long
    captions (7 to 12, about details 6 to 8). In other worlds there is one with the first caption of each picture and,
    if they have several, one with all.
    """
    world, whole = session.world, session.world.embeddings("test")
    n = min(n or setting_of(session).searched, len(whole))
    image, own = whole.rows(np.arange(n), f"first {n}"), np.arange(n)
    if isinstance(world, AtomWorld):
        drawn = {name: world.drawn_atoms("test", told).first(n) for name, told in (("short", SHORT), ("long", LONG))}
        return [Pool(name, embed_atoms(one), one.text, own, one.asserted) for name, one in drawn.items()]
    if has_dial(session):
        long = long_captions(session, "test", n).tower("text")
        said = world.scene_truth("test").asserted[:n]
        return [Pool("short", image, image.tower("text"), own, said[:, 0]), Pool("long", image, long, own, said[:, 1])]
    captions = world.caption_embeddings("test")[:n]
    single, each = Pool("single", image, captions[:, 0], own), captions.shape[1]
    together = Pool(f"all {each}", image, captions.reshape(n * each, -1), np.repeat(own, each))
    return [single, together] if each > 1 else [single]


def long_captions(session: Session, split: str, n: int) -> Embeddings:
    """Embed the first n pictures of a split with their second, long caption."""
    world = scenes_world(session)
    pairs = scenes(split, n, details=world.details)
    assert pairs.captions is not None
    identity = {**pairs.identity, "caption": "long"}
    long = replace(pairs, captions=tuple((texts[1],) for texts in pairs.captions), identity=identity, facts=None)
    image, text = np.asarray(world.embeddings(split).tower("image")[:n]), world.rows_of(long, "text")
    return Embeddings(pairs.ids, image, text, world.encoder.name, True, {"pairs": identity, "unit": True})


def ranks_of(pool: Pool, editor: Editor) -> Retrieval:
    """Ranks by an editor, with every pair edited by its caption."""
    scores = editor.masker.scores(image_side(editor, pool.image), pool.text)
    return ranks_from_scores(scores, pool.owner)


def ranks_from_scores(scores: np.ndarray, owner: np.ndarray) -> Retrieval:
    """Ranks from scores (pictures, captions) and the picture of each caption."""
    return rank_scores([scores], scores[owner, np.arange(len(owner))], owner)


def baseline_ranks(pool: Pool, editor: Editor) -> dict[str, Retrieval]:
    """Ranks without an edit: by the embeddings, and by the dictionary's reconstruction."""
    cosines = pool.image.tower("image").astype(np.float64) @ pool.text.astype(np.float64).T
    kept = reconstruction_scores(image_side(editor, pool.image), pool.text)
    return {"unedited": ranks_from_scores(cosines, pool.owner), "all latents kept": ranks_from_scores(kept, pool.owner)}


@dataclass(frozen=True)
class MeasuredRanks:
    """Ranks of one arm and seed in one test."""

    pool: str
    """Name of the test."""
    arm: str
    """Name of the arm."""
    seed: int
    """Seed of the training."""
    ranks: Retrieval
    """Ranks in both directions."""


def control_ranks(pool: Pool, editor: Editor, oracle: Oracle | None) -> dict[str, Retrieval]:
    """Compute ranks by masks that do not depend on their caption, and by masks that know what it says, where that is
    known.
    """
    images, masks = image_side(editor, pool.image), editor.masker.read(pool.text)[1]
    made = {"other caption's mask": exchange_masks(masks, np.random.default_rng(editor.seed))}
    if oracle is not None and pool.asserted is not None:
        made[ORACLE] = oracle.masks(pool.asserted)
    scores = {name: masked_scores(images, pool.text, mask) for name, mask in made.items()}
    return {name: ranks_from_scores(one, pool.owner) for name, one in scores.items()}


def measure_ranks(
    session: Session, editors: Sequence[Editor], tests: Sequence[Pool], oracles: Mapping[int, Oracle] | None = None
) -> list[MeasuredRanks]:
    """Compute the ranks of every editor, baseline and control in every test. oracles: by seed."""
    found = []
    for pool in progress(tests, desc="pools"):
        for seed in session.seeds:
            first = find_editor(editors, "masker", seed)
            plain = baseline_ranks(pool, first) | control_ranks(pool, first, oracles[seed] if oracles else None)
            found += [MeasuredRanks(pool.name, arm, seed, ranks) for arm, ranks in plain.items()]
        found += [MeasuredRanks(pool.name, e.arm, e.seed, ranks_of(pool, e)) for e in editors]
    return found


def recall_table(measured: Sequence[MeasuredRanks]) -> pd.DataFrame:
    """R@1, R@5, R@10 in percent and the median rank in both directions, one row per test, arm and seed."""
    rows = []
    for m in measured:
        row: dict[str, object] = {"captions": m.pool, "arm": m.arm, "seed": m.seed}
        for direction, ranks in (("i2t", m.ranks.image_to_text), ("t2i", m.ranks.text_to_image)):
            row |= {f"{direction} R@{k}": 100 * ranks.recall(k) for k in (1, 5, 10)}
            row[f"{direction} median"] = ranks.median
        rows.append(row)
    return pd.DataFrame(rows)
