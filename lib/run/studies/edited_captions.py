"""Paper 4: retrieval with the world's captions, ablations, and captions that are cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from lib.data.progress import progress
from lib.data.scenes import scenes
from lib.editing.masker import MaskerConfig
from lib.encoders.embeddings import Embeddings
from lib.encoders.store import embed
from lib.metrics.intervals import Interval, paired_difference
from lib.metrics.retrieval import Retrieval, rank_scores
from lib.report.figures import chance_line
from lib.run.start import Session
from lib.run.studies.caption_dial import kept_all
from lib.run.studies.dictionaries import Recipe
from lib.run.studies.text_editing import (
    DICTIONARY,
    Editor,
    fit_editors,
    has_dial,
    image_side,
    long_captions,
    of_seed,
    scenes_world,
)

N = 1000
"""Test pictures to search among."""

ABLATIONS: dict[str, MaskerConfig] = {
    "residual kept": MaskerConfig(rho=1.0),
    "sparse mask": MaskerConfig(sparsity=0.1),
}
"""Beside the arms of `text_editing`: rho 1, and a price on the mean mask."""

SPARSITIES = (4, 8)
"""Active latents of the dictionary, beside the 16 of `DICTIONARY`."""

WORDS = (4, 8, 12, 16)
"""Words after which long captions are cut."""

RESAMPLES = 500


@dataclass(frozen=True)
class Pool:
    """Pictures, captions and whose they are: what one retrieval test needs."""

    name: str
    image: Embeddings
    text: np.ndarray
    owner: np.ndarray


def pools(session: Session, n: int = N) -> list[Pool]:
    """The main tests, which claims are about: scenes with short captions, and with long ones; in other worlds, n
    pictures at most with their first caption, and with all, if they have several."""
    whole = session.world.embeddings("test")
    n = min(n, len(whole))
    image, own = whole.rows(np.arange(n), f"first {n}"), np.arange(n)
    if has_dial(session):
        long = long_captions(session, "test", n).tower("text")
        return [Pool("short", image, image.tower("text"), own), Pool("long", image, long, own)]
    captions = session.world.captions("test")[:n]
    single, each = Pool("single", image, captions[:, 0], own), captions.shape[1]
    together = Pool(f"all {each}", image, captions.reshape(n * each, -1), np.repeat(own, each))
    return [single, together] if each > 1 else [single]


def both(short: Pool, long: Pool) -> Pool:
    """The captions of two tests of the same pictures in one: a picture is found by any of its captions."""
    text, owner = (np.concatenate(parts) for parts in ((short.text, long.text), (short.owner, long.owner)))
    return Pool("both", short.image, text, owner)


def ablation_editors(session: Session) -> list[Editor]:
    """Residual, sparsity term, and sparser dictionaries (arm `K 4`, ...), over all seeds."""
    editors = fit_editors(session, ABLATIONS)
    for k in SPARSITIES:
        recipe = Recipe(DICTIONARY.name, DICTIONARY.expansion, k)
        editors += fit_editors(session, {f"K {k}": MaskerConfig()}, recipe)
    return editors


def ranks_of(pool: Pool, editor: Editor) -> Retrieval:
    """Ranks by an editor, every pair edited by its caption."""
    scores = editor.masker.scores(image_side(editor, pool.image), pool.text)
    return ranked(scores, pool.owner)


def ranked(scores: np.ndarray, owner: np.ndarray) -> Retrieval:
    """Ranks from scores (pictures, captions)."""
    return rank_scores([scores], scores[owner, np.arange(len(owner))], owner)


def baselines(pool: Pool, editor: Editor) -> dict[str, Retrieval]:
    """Ranks without an edit: by the embeddings, and by the dictionary's reconstruction."""
    cosines = pool.image.tower("image").astype(np.float64) @ pool.text.astype(np.float64).T
    kept = kept_all(image_side(editor, pool.image), pool.text)
    return {"unedited": ranked(cosines, pool.owner), "all latents kept": ranked(kept, pool.owner)}


@dataclass(frozen=True)
class Measured:
    """The ranks of one arm and seed on one pool."""

    pool: str
    arm: str
    seed: int
    ranks: Retrieval


def measure(session: Session, editors: Sequence[Editor], tests: Sequence[Pool]) -> list[Measured]:
    """Ranks of every editor and baseline on every pool."""
    found = []
    for pool in progress(tests, desc="pools"):
        for seed in session.seeds:
            plain = baselines(pool, of_seed(editors, editors[0].arm, seed))
            found += [Measured(pool.name, arm, seed, ranks) for arm, ranks in plain.items()]
        found += [Measured(pool.name, e.arm, e.seed, ranks_of(pool, e)) for e in editors]
    return found


def recall_table(measured: Sequence[Measured]) -> pd.DataFrame:
    """One row for each pool, arm and seed: R@1, R@5, R@10 in percent and the median rank, both directions."""
    rows = []
    for m in measured:
        row: dict[str, object] = {"captions": m.pool, "arm": m.arm, "seed": m.seed}
        for direction, ranks in (("i2t", m.ranks.image_to_text), ("t2i", m.ranks.text_to_image)):
            row |= {f"{direction} R@{k}": 100 * ranks.recall(k) for k in (1, 5, 10)}
            row[f"{direction} median"] = ranks.median
        rows.append(row)
    return pd.DataFrame(rows)


def gain_table(measured: Sequence[Measured], arms: Sequence[str], base: str) -> pd.DataFrame:
    """R@1 of arms minus R@1 of `base`, in points, with 95 % bootstrap intervals over queries.

    One row for each pool, arm, seed and direction: gain, low, high.
    """
    by = {(m.pool, m.arm, m.seed): m.ranks for m in measured}
    rows = []
    for (pool, arm, seed), ranks in by.items():
        if arm not in arms:
            continue
        for direction in ("i2t", "t2i"):
            ours, theirs = (_hits(r, direction) for r in (ranks, by[pool, base, seed]))
            interval: Interval = paired_difference(ours, theirs, np.random.default_rng(seed), resamples=RESAMPLES)
            about = {"captions": pool, "arm": arm, "base": base, "seed": seed, "direction": direction}
            rows.append(about | dict(zip(("gain", "low", "high"), interval, strict=True)))
    return pd.DataFrame(rows)


def draw_gains(ax: Axes, gains: pd.DataFrame) -> None:
    """The rows of `gain_table`: captions and directions side by side, a point with its interval for each seed."""
    places = list(gains[["captions", "direction"]].drop_duplicates().itertuples(index=False, name=None))
    for number, (arm, rows) in enumerate(gains.groupby("arm", sort=False)):
        by_seed = rows.sort_values("seed").groupby(["captions", "direction"])
        for place, key in enumerate(places):
            one = by_seed.get_group(key)
            x = place + 0.25 * number - 0.25 + np.linspace(-0.06, 0.06, len(one))
            reach = [one.gain - one.low, one.high - one.gain]
            ax.errorbar(x, one.gain, reach, fmt="o", color=f"C{number}", label=None if place else arm)
    chance_line(ax, 0, "no gain")
    ax.set_xticks(range(len(places)), [f"{captions}\n{direction}" for captions, direction in places])


def _hits(ranks: Retrieval, direction: str) -> np.ndarray:
    """100 for each query whose right candidate comes first, else 0."""
    one = ranks.image_to_text if direction == "i2t" else ranks.text_to_image
    return 100.0 * (one.ranks <= 1)


def cut_table(session: Session, editors: Sequence[Editor], arms: Sequence[str], n: int = N // 2) -> pd.DataFrame:
    """R@1 of long captions cut after some words, as a text tower with a short context cuts them.

    One row for each number of words, arm and seed; i2t and t2i in percent. The last row has all words (words 0).
    Empty in a world without long captions.
    """
    rows: list[dict[str, object]] = []
    if not has_dial(session):
        return pd.DataFrame(rows, columns=["words", "arm", "seed", "i2t", "t2i"])
    for words in progress((*WORDS, 0), desc="cut captions"):
        e = cut_captions(session, n, words) if words else long_captions(session, "test", n)
        pool = Pool(str(words), e, e.tower("text"), np.arange(n))
        for seed in session.seeds:
            chosen = {arm: of_seed(editors, arm, seed) for arm in arms}
            found = {"unedited": baselines(pool, next(iter(chosen.values())))["unedited"]}
            found |= {arm: ranks_of(pool, editor) for arm, editor in chosen.items()}
            for arm, ranks in found.items():
                recalls = {"i2t": 100 * ranks.image_to_text.recall(1), "t2i": 100 * ranks.text_to_image.recall(1)}
                rows.append({"words": words, "arm": arm, "seed": seed} | recalls)
    return pd.DataFrame(rows)


def cut_captions(session: Session, n: int, words: int) -> Embeddings:
    """The first n test pictures with the first words of their long captions."""
    world, pairs = scenes_world(session), scenes("test", n)
    assert pairs.captions is not None
    captions = tuple((" ".join(texts[1].split()[:words]),) for texts in pairs.captions)
    cut = replace(pairs, captions=captions, identity={**pairs.identity, "long, words": words}, facts=None)
    text = embed(cut, world.encoder, towers=("text",)).unit().tower("text")
    image = np.asarray(world.embeddings("test").tower("image")[:n])
    return Embeddings(pairs.ids, image, np.asarray(text), "scenes-clip", True, {"pairs": cut.identity, "unit": True})
