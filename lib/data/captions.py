"""From images with several captions to captions with an owner, and from paragraphs to sentences."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from lib.data.errors import CompanionError
from lib.data.pairs import Pairs

_END = re.compile(r"""(?<=[.!?])["')\]”’]*\s+(?=["'(\[“‘]*[A-Z0-9])|\n+""")
"""Where a sentence ends: a stop, then white space, then a capital or a digit; or a line break."""


def each_caption(pairs: Pairs) -> tuple[Pairs, np.ndarray]:
    """Every caption as a pair of its own, without pictures, and the row of `pairs` that it belongs to, (m,).

    The store embeds a pair's first caption; this is how to have it embed them all:
    `embed(each, encoder, towers=("text",))`. The owners go to `lib.metrics.retrieval`, where an image counts as found
    if any of its captions is. ids: `<image id>#<number of the caption>`.
    """
    if pairs.captions is None:
        raise CompanionError("these pairs have no captions; take pairs with text")
    rows = [(row, number, text) for row, texts in enumerate(pairs.captions) for number, text in enumerate(texts)]
    ids = np.array([f"{pairs.ids[row]}#{number}" for row, number, _ in rows])
    identity = {**pairs.identity, "captions": "each"}
    return Pairs(ids, None, tuple((text,) for *_, text in rows), identity), np.array([row for row, *_ in rows])


def sentences(pairs: Pairs) -> Pairs:
    """The same images, every sentence of their captions a caption: the other protocol for long descriptions."""
    if pairs.captions is None:
        raise CompanionError("these pairs have no captions; take pairs with text")
    split = tuple(tuple(one for text in texts for one in split_sentences(text)) for texts in pairs.captions)
    return replace(pairs, captions=split, identity={**pairs.identity, "level": "sentences"})


def split_sentences(text: str) -> list[str]:
    """The sentences of a paragraph, by punctuation alone ("No. 5" is cut in two); none only if the text is blank."""
    return [part.strip() for part in _END.split(text) if part.strip()]
