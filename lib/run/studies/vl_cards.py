"""Paper 2, what latents show: cards of a shared and of a failing concept, and what the shared latents of a pair say."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lib.metrics.concept_alignment import concept_means
from lib.metrics.rows import unit_rows
from lib.report.figures import image_grid
from lib.run.start import Session
from lib.run.studies.latents import name_latents
from lib.run.studies.vl_concepts import FittedPair
from lib.sae.two_towers import TOWERS

SHOWN = 6
"""Pictures and captions on a card."""

CLEAR = 0.3
"""Lift from which a latent counts as named by a fact."""


def card_table(session: Session, fitted: FittedPair) -> pd.DataFrame:
    """The strongest pictures and captions of the latent whose two sides agree most, and least, by the main judge.

    Columns: concept (shared or failing), latent, agreement, place, picture and caption (row numbers of the split).
    Only latents with full lists are chosen from.
    """
    split = session.world.concept_split
    judge = next(iter(session.world.pair_judges(split).values()))
    tops = fitted.top(unique=True)
    full = np.flatnonzero((tops[0].counts == tops[0].m) & (tops[1].counts == tops[1].m))
    means = [unit_rows("means", concept_means(judge.tower(t), top)[full]) for t, top in zip(TOWERS, tops, strict=True)]
    agreement = (means[0] * means[1]).sum(axis=1)
    parts = []
    for concept, place in (("shared", agreement.argmax()), ("failing", agreement.argmin())):
        latent = full[place]
        columns = {"place": np.arange(SHOWN), "picture": tops[0].rows[latent, :SHOWN]}
        about = {"concept": concept, "latent": latent, "agreement": agreement[place]}
        parts.append(pd.DataFrame({**about, **columns, "caption": tops[1].rows[latent, :SHOWN]}))
    return pd.concat(parts, ignore_index=True)


def card_figure(session: Session, cards: pd.DataFrame) -> Figure | None:
    """The pictures of the cards, one row a concept; None in a world without pictures."""
    if not session.world.has_pictures:
        return None
    images = session.world.pairs(session.world.concept_split).images
    assert images is not None
    names = [str(name) for name in cards.concept.unique()]
    return image_grid([images[int(row)] for row in cards.picture], columns=SHOWN, rows=names)


def card_captions(session: Session, cards: pd.DataFrame) -> list[str]:
    """The captions of the cards, `concept: caption`, strongest first; nothing in a world without captions."""
    if not session.world.has_pictures:
        return []
    captions = session.world.pairs(session.world.concept_split).captions
    assert captions is not None
    return [f"{row.concept}: {captions[int(row.caption)][0]}" for row in cards.itertuples()]


def pair_facts(session: Session, fitted: Iterable[FittedPair]) -> pd.DataFrame:
    """Of the latents that a test pair activates, how many stand for a fact that is true of the picture, or said.

    One row for each arm, seed and kind of latent: shared by picture and caption, of the picture only, of the caption
    only. Latents are named on dev pictures; those without a clear name are left out. Empty without ground truth.
    """
    columns = ["arm", "seed", "latents", "count", "true", "said"]
    there = session.world.has_pictures
    dev, facts = (session.world.pairs(split).facts if there else None for split in ("dev", "test"))
    if dev is None or facts is None:
        return pd.DataFrame(columns=columns)
    rows = []
    for f in fitted:
        named = name_latents(f.sae.codes(f.embeddings("dev"), "image"), dev)
        clear = named.lift > CLEAR
        latents = named.latent[clear]
        fact = [facts.names.index(name) for name, keep in zip(named.fact, clear, strict=True) if keep]
        picture, caption = (codes.csr()[:, latents].toarray() > 0 for codes in f.test)
        true, said = facts.truth[:, fact], facts.mentioned[:, 0][:, fact]
        kinds = {"shared": picture & caption, "picture only": picture & ~caption, "caption only": caption & ~picture}
        for kind, where in kinds.items():
            values = (kind, int(where.sum()), true[where].mean(), said[where].mean())
            rows.append((f.arm.name, f.seed, *values))
    return pd.DataFrame(rows, columns=columns)
