"""Paper 1: the strongest pictures of some neurons and some latents, drawn at random, to be distinguished by eye."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lib.papers.common.dictionaries import Fitted
from lib.report.figures import image_grid
from lib.worlds.session import Session

EACH, PICTURES = 2, 8
"""Neurons and latents that are drawn, and pictures shown of each."""


def random_rows(session: Session, fitted: Fitted, seed: int = 0) -> pd.DataFrame:
    """Draw EACH neurons and EACH latents and their strongest test pictures, in a random order.

    Latents are drawn from those with PICTURES pictures, or are those with most where there are too few.
    Columns: row (a letter), what (neuron or latent), number, picture (a row number of the test split); one row per
    picture, strongest first.
    """
    random = np.random.default_rng(seed)
    neurons, codes = session.world.embeddings("test").tower("image"), fitted.codes.dense()
    support = (codes > 0).sum(axis=0)
    full = np.flatnonzero(support >= PICTURES)
    full = full if len(full) >= EACH else (-support).argsort(kind="stable")[:EACH]
    drawn = [("neuron", int(one)) for one in random.choice(neurons.shape[1], EACH, replace=False)]
    drawn += [("latent", int(one)) for one in random.choice(full, EACH, replace=False)]
    parts = []
    for letter, place in zip("ABCD", random.permutation(len(drawn)), strict=True):
        what, number = drawn[place]
        activations = (neurons if what == "neuron" else codes)[:, number]
        best = np.argsort(-activations, kind="stable")[:PICTURES]
        parts.append(pd.DataFrame({"row": letter, "what": what, "number": number, "picture": best}))
    return pd.concat(parts, ignore_index=True)


def rows_figure(session: Session, rows: pd.DataFrame) -> Figure | None:
    """The pictures of `random_rows`, one row per letter; None in a world without pictures."""
    if not session.world.has_pictures:
        return None
    pictures = session.world.pictures("test")
    return image_grid([pictures[i] for i in rows.picture], columns=PICTURES, rows=list(rows.row.unique()))
