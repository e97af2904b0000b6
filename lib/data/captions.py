"""Splitting captions: each of an image's captions as a separate pair, and each sentence of a paragraph as a caption."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from lib.base.errors import CompanionError
from lib.data.pairs import Pairs

_END = re.compile(r"""(?<=[.!?])["')\]”’]*\s+(?=["'(\[“‘]*[A-Z0-9])|\n+""")
"""The end of a sentence: a full stop, white space, then a capital or a digit; or a line break."""


def each_caption(pairs: Pairs) -> tuple[Pairs, np.ndarray]:
    """Make every caption a separate pair, without a picture.

    Returns m pairs with the ids `<image id>#<number of the caption>`, and the row of `pairs` that each belongs to,
    (m,). The store embeds the first caption of a pair only; `embed(each, encoder, towers=("text",))` embeds all of
    these. `lib.metrics.retrieval` takes the rows as owners: an image counts as found if any of its captions is.
    """
    if pairs.captions is None:
        raise CompanionError("these pairs have no captions; take pairs with text")
    rows = [(row, number, text) for row, texts in enumerate(pairs.captions) for number, text in enumerate(texts)]
    ids = np.array([f"{pairs.ids[row]}#{number}" for row, number, _ in rows])
    identity = {**pairs.identity, "captions": "each"}
    return Pairs(ids, None, tuple((text,) for *_, text in rows), identity), np.array([row for row, *_ in rows])


def sentences(pairs: Pairs) -> Pairs:
    """Make every sentence of an image's captions a caption: the other protocol for long descriptions."""
    if pairs.captions is None:
        raise CompanionError("these pairs have no captions; take pairs with text")
    split = tuple(tuple(one for text in texts for one in split_sentences(text)) for texts in pairs.captions)
    return replace(pairs, captions=split, identity={**pairs.identity, "level": "sentences"})


def split_sentences(text: str) -> list[str]:
    """Cut a paragraph into sentences, by punctuation alone ("No. 5" is cut in two); a blank text has none."""
    return [part.strip() for part in _END.split(text) if part.strip()]


def count_words(pairs: Pairs) -> np.ndarray:
    """Count the words of every caption, (m,), in the order of `each_caption`."""
    return np.array([len(text.split()) for texts in pairs.captions or () for text in texts])
