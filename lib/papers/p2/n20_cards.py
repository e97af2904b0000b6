"""Paper 2: cards of a shared and of a failing concept, and the facts for which the shared latents of a pair stand."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lib.metrics.concept_alignment import concept_means
from lib.metrics.latent_facts import name_latents
from lib.metrics.rows import unit_rows
from lib.papers.p2.two_tower_dictionaries import FittedTwoTower
from lib.report.figures import image_grid
from lib.sae.models.two_towers import TOWERS
from lib.worlds.session import Session

CARD_SIZE = 6
"""Pictures and captions on a card."""

NAMED_LIFT = 0.3
"""Lift above which a latent counts as named by a fact."""


def card_table(session: Session, fitted: FittedTwoTower) -> pd.DataFrame:
    """Find the strongest pictures and captions of the latents whose two sides agree most and least, by the main judge.

    Columns: concept (shared or failing), latent, agreement, place, picture and caption (row numbers of the split).
    Only latents with full lists are considered; where there are none, the table has no rows.
    """
    split = session.world.concept_split
    judge = next(iter(session.world.pair_judges(split).values()))
    tops = fitted.top(unique=True)
    full = np.flatnonzero((tops[0].counts == tops[0].m) & (tops[1].counts == tops[1].m))
    if not len(full):
        return pd.DataFrame(columns=["concept", "latent", "agreement", "place", "picture", "caption"])
    means = [unit_rows("means", concept_means(judge.tower(t), top)[full]) for t, top in zip(TOWERS, tops, strict=True)]
    agreement = (means[0] * means[1]).sum(axis=1)
    parts = []
    for concept, place in (("shared", agreement.argmax()), ("failing", agreement.argmin())):
        latent = full[place]
        columns = {"place": np.arange(CARD_SIZE), "picture": tops[0].rows[latent, :CARD_SIZE]}
        about = {"concept": concept, "latent": latent, "agreement": agreement[place]}
        parts.append(pd.DataFrame({**about, **columns, "caption": tops[1].rows[latent, :CARD_SIZE]}))
    return pd.concat(parts, ignore_index=True)


def card_figure(session: Session, cards: pd.DataFrame) -> Figure | None:
    """The pictures of the cards, one row per concept; None in a world without pictures, or without a card."""
    if not len(cards) or not session.world.has_pictures:
        return None
    images = session.world.pictures(session.world.concept_split)
    names = [str(name) for name in cards.concept.unique()]
    return image_grid([images[int(row)] for row in cards.picture], columns=CARD_SIZE, rows=names)


def card_captions(session: Session, cards: pd.DataFrame) -> list[str]:
    """The captions of the cards, `concept: caption`, strongest first; nothing without pictures or a card."""
    if not len(cards) or not session.world.has_pictures:
        return []
    captions = session.world.captions(session.world.concept_split)
    return [f"{row.concept}: {captions[int(row.caption)][0]}" for row in cards.itertuples()]


def pair_facts(session: Session, fitted: Iterable[FittedTwoTower]) -> pd.DataFrame:
    """Share of the latents of test pairs whose fact is true of the picture, and whose fact the caption mentions.

    One row per arm, seed and kind of latent: shared by picture and caption, of the picture only, of the caption only.
    Latents are named on dev pictures; those without a clear name are left out. Empty without ground truth.
    """
    columns = ["arm", "seed", "latents", "count", "true", "said"]
    there = session.world.has_pictures
    dev, facts = (session.world.pairs(split).facts if there else None for split in ("dev", "test"))
    if dev is None or facts is None:
        return pd.DataFrame(columns=columns)
    rows = []
    for f in fitted:
        named = name_latents(f.sae.codes(f.embeddings("dev"), "image"), dev)
        clear = named.lift > NAMED_LIFT
        latents = named.latent[clear]
        fact = [facts.names.index(name) for name, keep in zip(named.fact, clear, strict=True) if keep]
        picture, caption = (codes.csr()[:, latents].toarray() > 0 for codes in f.test)
        true, said = facts.truth[:, fact], facts.mentioned[:, 0][:, fact]
        kinds = {"shared": picture & caption, "picture only": picture & ~caption, "caption only": caption & ~picture}
        for kind, where in kinds.items():
            values = (kind, int(where.sum()), true[where].mean(), said[where].mean())
            rows.append((f.arm.name, f.seed, *values))
    return pd.DataFrame(rows, columns=columns)
