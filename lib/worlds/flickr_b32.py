"""The world `flickr-b32`: real CLIP embeddings of photographs of Flickr8k, with true captions for the test split."""

from __future__ import annotations

import numpy as np

from lib.base.errors import NotAvailable
from lib.data.sets.clip_vectors import clip_rows, flickr_pictures
from lib.data.sets.flickr1k_vectors import flickr1k
from lib.data.sets.label_vectors import Labels, labels_b32
from lib.encoders.embeddings import Embeddings
from lib.encoders.photo_vectors import photo_vectors
from lib.worlds.cut import split_embeddings
from lib.worlds.world import World, judge_captions_too

PHOTOS = 1000
"""Number of photographs without captions, the first of Flickr8k's training list."""

CAPTIONS = 5
"""Number of captions of each test photograph."""

_UNCAPTIONED = ("train", "dev")


class FlickrB32(World):
    """Real CLIP ViT-B/32 embeddings of Flickr8k: 100 test photographs with five captions each, and others without.

    Train and dev are cut from 1,000 photographs that came without captions; any of the 100 among them is left out.
    """

    name = "flickr-b32"

    def embeddings(self, split: str) -> Embeddings:
        if split != "test":
            return split_embeddings(self, _uncaptioned(), split, _UNCAPTIONED)
        return split_embeddings(self, _captioned(), split, ("test",))

    def caption_embeddings(self, split: str) -> np.ndarray:
        if split != "test":
            raise NotAvailable(f"world {self.name} has captions of its test photographs only; use profile photos")
        text, _ = clip_rows("flickr8k100x5-vitb32/text_embeddings")
        place = {name: i for i, name in enumerate(flickr_pictures()[::CAPTIONS])}
        return text.reshape(-1, CAPTIONS, text.shape[1])[[place[one] for one in self.embeddings(split).ids]]

    def labels(self) -> Labels:
        """Return the names of things of LVIS and Objects365, and their text embeddings by the same CLIP."""
        return labels_b32()

    def judges(self, split: str) -> dict[str, Embeddings]:
        """Return captions: the mean of the five captions' embeddings, by the same CLIP and so only half independent."""
        text, mine = self.caption_embeddings(split), self.embeddings(split)
        identity = {"captions of": mine.identity}
        return {"captions": Embeddings(mine.ids, text.mean(axis=1), None, "captions", False, identity).unit()}

    def pair_judges(self, split: str) -> dict[str, Embeddings]:
        """Return captions: the mean of the five captions' embeddings judges pictures and captions."""
        return {"captions": judge_captions_too(self.judge(split, "captions")), "source": self.embeddings(split)}


def _captioned() -> Embeddings:
    (image, one), (text, other) = (clip_rows(f"flickr8k100x5-vitb32/{part}_embeddings") for part in ("image", "text"))
    first = slice(None, None, CAPTIONS)
    identity = {"image": one, "text": other}
    return Embeddings(flickr_pictures()[first], image[first], text[first], "CLIP ViT-B/32", True, identity)


def _uncaptioned() -> Embeddings:
    image, identity = flickr1k()
    ids = photo_vectors("train").ids[:PHOTOS]
    kept = np.flatnonzero(~np.isin(ids, flickr_pictures()))
    return Embeddings(ids, image, None, "CLIP ViT-B/32", True, identity).rows(kept, "not in the test split")
