"""Paper 4: gains in retrieval with their intervals, and captions that are cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from lib.base.progress import progress
from lib.data.scenes import scenes
from lib.encoders.embeddings import Embeddings
from lib.metrics.intervals import Interval, paired_difference
from lib.metrics.retrieval import Retrieval, retrieval
from lib.papers.p4.caption_ranks import MeasuredRanks, Pool, baseline_ranks, long_captions, ranks_of
from lib.papers.p4.editors import Editor, find_editor
from lib.papers.p4.p4_colors import COLORS
from lib.papers.p4.settings import SEARCHED_PICTURES
from lib.report.figures import chance_line
from lib.worlds.caption_factors import scenes_world
from lib.worlds.scenes import Scenes
from lib.worlds.session import Session

CUT_WORDS = (4, 8, 12, 16)
"""Numbers of words after which long captions are cut."""

RESAMPLES = 500
"""Bootstrap resamples of an interval."""


def split_table(session: Session, n: int = SEARCHED_PICTURES) -> pd.DataFrame:
    """R@1 of the unedited encoder, in percent, on the first n pairs of every split: memorised pairs stand out."""
    rows, splits = [], dict.fromkeys([session.world.learnt_split, "train", "dev", "test"])
    for split in filter(None, splits):
        pairs = session.world.embeddings(split)
        some = min(n, len(pairs))
        found = retrieval(pairs.tower("image")[:some], pairs.tower("text")[:some])
        i2t, t2i = found.image_to_text.recall(1), found.text_to_image.recall(1)
        rows.append({"split": split, "pairs": some, "i2t": 100 * i2t, "t2i": 100 * t2i})
    return pd.DataFrame(rows)


def gain_table(measured: Sequence[MeasuredRanks], arms: Sequence[str], base: str) -> pd.DataFrame:
    """R@1 of arms minus R@1 of `base`, in points, with 95 % bootstrap intervals over queries.

    One row per test, arm, seed and direction: gain, low, high.
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
    """Draw the rows of `gain_table`: captions and directions side by side, one point with its interval per seed."""
    places = list(gains[["captions", "direction"]].drop_duplicates().itertuples(index=False, name=None))
    for number, (arm, rows) in enumerate(gains.groupby("arm", sort=False)):
        by_seed = rows.sort_values("seed").groupby(["captions", "direction"])
        for place, key in enumerate(places):
            one = by_seed.get_group(key)
            x = place + 0.25 * number - 0.25 + np.linspace(-0.06, 0.06, len(one))
            reach = [one.gain - one.low, one.high - one.gain]
            ax.errorbar(x, one.gain, reach, fmt="o", color=COLORS[str(arm)], label=None if place else arm)
    chance_line(ax, 0, "no gain")
    ax.set_xticks(range(len(places)), [f"{captions}\n{direction}" for captions, direction in places])


def _hits(ranks: Retrieval, direction: str) -> np.ndarray:
    """100 per query whose right candidate comes first, and 0 otherwise."""
    one = ranks.image_to_text if direction == "i2t" else ranks.text_to_image
    return 100.0 * (one.ranks <= 1)


def cut_table(
    session: Session, editors: Sequence[Editor], arms: Sequence[str], n: int = SEARCHED_PICTURES // 2
) -> pd.DataFrame:
    """R@1 of long captions cut after some words, as a text tower with a short context cuts them.

    One row per number of words, arm and seed; i2t and t2i in percent. The last rows have all words (words 0).
    Empty in a world without long captions.
    """
    rows: list[dict[str, object]] = []
    if not isinstance(session.world, Scenes):
        return pd.DataFrame(rows, columns=["words", "arm", "seed", "i2t", "t2i"])
    for words in progress((*CUT_WORDS, 0), desc="cut captions"):
        e = cut_captions(session, n, words) if words else long_captions(session, "test", n)
        pool = Pool(str(words), e, e.tower("text"), np.arange(n))
        for seed in session.seeds:
            chosen = {arm: find_editor(editors, arm, seed) for arm in arms}
            found = {"unedited": baseline_ranks(pool, next(iter(chosen.values())))["unedited"]}
            found |= {arm: ranks_of(pool, editor) for arm, editor in chosen.items()}
            for arm, ranks in found.items():
                recalls = {"i2t": 100 * ranks.image_to_text.recall(1), "t2i": 100 * ranks.text_to_image.recall(1)}
                rows.append({"words": words, "arm": arm, "seed": seed} | recalls)
    return pd.DataFrame(rows)


def cut_captions(session: Session, n: int, words: int) -> Embeddings:
    """The first n test pictures with the first words of their long captions."""
    world = scenes_world(session)
    pairs = scenes("test", n, details=world.details)
    assert pairs.captions is not None
    captions = tuple((" ".join(texts[1].split()[:words]),) for texts in pairs.captions)
    cut = replace(pairs, captions=captions, identity={**pairs.identity, "long, words": words}, facts=None)
    image, text = np.asarray(world.embeddings("test").tower("image")[:n]), world.rows_of(cut, "text")
    return Embeddings(pairs.ids, image, text, world.encoder.name, True, {"pairs": cut.identity, "unit": True})
