"""Search of a folder's pictures by captions.

Pictures are ranked by the plain cosine of their vectors with the caption's. The cosine of pictures as the caption edits
them (paper 4, `lib/editing/edited_search.py`) finds less on the 1,000 test photographs of Flickr8k: over five seeds R@1
changes by -1.3 [-1.9, -0.7] points, R@5 by -0.9 [-1.7, -0.2] and R@10 by -1.1 [-1.8, -0.4]. A sum of both, whose weight
is chosen on other pictures, changes them by -0.1 [-0.4, 0.2], 0.4 [0.1, 0.7] and 0.2 [0.0, 0.5], which is not worth a
training. `tests/apps/test_search_quality.py` measures it for one seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lib.apps.contact_sheet import Section, Tile, write_sheet
from lib.apps.given import typed_captions
from lib.apps.picture_vectors import account, choose_encoder, embed_pictures, embedded
from lib.base.errors import CompanionError, NotAvailable
from lib.base.names import printable
from lib.base.vectors import normalise_rows
from lib.data.formats.folders import picture_folder
from lib.data.pairs import Pairs
from lib.encoders.embeddings import Embeddings
from lib.encoders.encoder import TextEncoder
from lib.encoders.truncation import check_query
from lib.worlds.profiles import Profile
from lib.worlds.session import Session, open_session

FAR = 0.1
"""A best picture is far from a caption if this share of the right pairs of the world's dev split is nearer.

On Flickr8k's test photographs, this hint appears for 0.4 % of captions in a folder of 100 that contains their picture,
and for 11 to 16 % of captions in a folder of 100 of Tiny-ImageNet's pictures, drawn four times.
"""


class Hit(NamedTuple):
    """A picture that was found."""

    name: str
    """The picture's path in the folder."""
    score: float
    """Cosine of the picture with the caption."""


@dataclass(frozen=True)
class PictureSearch:
    """The pictures of a folder with the encoder that embedded them, ready for any number of captions."""

    pairs: Pairs
    """All pictures of the folder."""
    pictures: Embeddings
    """Unit vectors of those that can be read."""
    encoder: TextEncoder
    """The encoder, which reads the captions."""
    session: Session | None
    """The session of the world whose encoder this is; None for a model of the user's choice."""

    def search(self, caption: str, k: int) -> list[Hit]:
        """Find the k best pictures for a caption; equal scores come in the order of the pictures."""
        text = normalise_rows("captions", self.encoder.encode_texts([caption]))[0]
        return rank(self.pictures, text, k)

    @cached_property
    def far(self) -> float | None:
        """The cosine below which a best picture is far from its caption; None where it cannot be estimated."""
        if self.session is None:
            return None
        try:
            dev = self.session.world.embeddings("dev")
        except NotAvailable:
            return None
        if dev.text is None:
            return None
        return float(np.quantile((dev.tower("image") * dev.tower("text")).sum(axis=1), FAR))


def rank(pictures: Embeddings, text: np.ndarray, k: int) -> list[Hit]:
    """Rank unit vectors of pictures by their cosine with that of a caption, (d,); the k best, equal ones in order."""
    scores = pictures.tower("image") @ text
    best = np.argsort(-scores, kind="stable")[:k]
    return [Hit(str(pictures.ids[row]), float(scores[row])) for row in best]


def open_search(folder: Path, profile: Profile, model: str | None = None) -> PictureSearch:
    """Embed the new and changed pictures of a folder, and take the others from the cache.

    model: an open_clip model in place of the profile's encoder.
    """
    pairs = picture_folder(folder)
    session = open_session("search", profile)
    encoder = choose_encoder(session, model)
    return PictureSearch(pairs, embed_pictures(pairs, encoder), encoder, None if model else session)


def index_folder(folder: Path, profile: Profile, model: str | None = None) -> Iterator[str]:
    """Embed a folder's pictures, so that a search is fast; a second call embeds only changed ones."""
    search = open_search(folder, profile, model)
    yield embedded(folder, search.pairs, search.pictures)
    yield account(search.pairs, search.pictures)
    yield "ready to be searched"


def search_folder(
    folder: Path,
    captions: Sequence[str],
    profile: Profile,
    k: int = 10,
    *,
    model: str | None = None,
    html: Path | None = None,
) -> Iterator[str]:
    """Find the k best pictures for each caption, one line each: rank, score, path in the folder.

    captions: if there are none, ask for them one by one, until an empty one. html: also write a contact sheet.
    """
    search = open_search(folder, profile, model)
    yield embedded(folder, search.pairs, search.pictures)
    yield account(search.pairs, search.pictures)
    sections = []
    for caption in captions or typed_captions():
        try:
            note = check_query(search.encoder, caption)
        except CompanionError as error:
            if captions:
                raise
            yield str(error)
            continue
        hits = search.search(caption, k)
        notes = [note] if note else []
        if search.far is not None and hits[0].score < search.far:
            notes.append(
                f"the folder may hold no such picture: {1 - FAR:.0%} of right pairs score over {search.far:.2f}"
            )
        yield f"{caption}:"
        yield from (f"{place:>3}  {hit.score:.3f}  {printable(hit.name)}" for place, hit in enumerate(hits, 1))
        yield from notes
        sections.append(Section(caption, notes, [Tile(hit.name, [f"{hit.score:.3f}"]) for hit in hits]))
    if html:
        yield write_sheet(html, f"Search of {folder.resolve().name}", sections, search.pairs)
