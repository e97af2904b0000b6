"""The world `photos`: Flickr8k from shipped vectors; its pictures are there where the data set is."""

from __future__ import annotations

import numpy as np

from lib.base.errors import CompanionError
from lib.base.vectors import normalise_rows
from lib.data.pairs import Pairs
from lib.data.sets.flickr8k import flickr8k
from lib.encoders.clip import ClipEncoder
from lib.encoders.embeddings import Embeddings
from lib.encoders.photo_vectors import PhotoVectors, photo_vectors
from lib.worlds.world import World, judge_captions_too


class Photos(World):
    """Flickr8k by the photos model. The judge is MiniLM on the five captions that people wrote for each picture.

    A test split of more than its 1,000 photographs continues with the last ones of the training list, so that latents
    can be scored on more photographs that their dictionaries did not see.
    """

    name = "photos"
    keeps_pictures = False
    learnt_split = "train"
    concept_split = "train"  # as in the paper; of 1,000 test pairs many latents would see fewer than ten

    @property
    def encoder(self) -> ClipEncoder:
        """The photos model, for a user's own pictures and texts; it needs the extra `photos`."""
        from lib.encoders.photos_clip import photos_clip

        return photos_clip()

    def pairs(self, split: str) -> Pairs:
        """Return pictures and captions, where Flickr8k is available."""
        return flickr8k(split).first(self.size(split))

    def embeddings(self, split: str) -> Embeddings:
        found = self._vectors(split)
        whole = Embeddings(found.ids, found.image, found.text[:, 0], "photos-clip", False, found.identity)
        return _first(whole, self.size(split)).unit()

    def caption_embeddings(self, split: str) -> np.ndarray:
        """Return unit embeddings (n, 5, d) of all captions of the pictures of a split."""
        return normalise_rows("captions", self._vectors(split).text[: self.size(split)])

    def judges(self, split: str) -> dict[str, Embeddings]:
        """Return network: MiniLM on the captions. The image head learnt from the same network, so it is half
        independent.
        """
        return {"network": _first(caption_judge(self._vectors(split)), self.size(split)).unit()}

    def pair_judges(self, split: str) -> dict[str, Embeddings]:
        """Return captions: MiniLM on all five captions of a picture, which also judges the picture."""
        return {"captions": judge_captions_too(self.judge(split, "network")), "source": self.embeddings(split)}

    def _vectors(self, split: str) -> PhotoVectors:
        """Return all vectors of a split, at least as many as its size."""
        test, train = photo_vectors("test"), photo_vectors("train")
        more = max(0, self.size("test") - len(test.ids))
        there = {"train": len(train.ids) - more, "test": len(test.ids) + len(train.ids)}
        found = photo_vectors(split)
        if self.size(split) > (most := there.get(split, len(found.ids))):
            beside = f" with a test split of {self.size('test')}" if split == "train" and more else ""
            raise CompanionError(f"{split} of {self.size(split)} pairs; world {self.name} has {most}{beside}")
        return with_the_last(test, train, more) if split == "test" and more else found


def with_the_last(first: PhotoVectors, second: PhotoVectors, n: int) -> PhotoVectors:
    """Join the photographs of one split and the last n of another."""
    names = ("ids", "image", "text", "judge")
    parts = {name: np.concatenate([getattr(first, name), getattr(second, name)[-n:]]) for name in names}
    return PhotoVectors(**parts, identity={**first.identity, "and the last": [n, second.identity]})


def caption_judge(found: PhotoVectors) -> Embeddings:
    """Judge photographs of Flickr8k by their captions: the mean of MiniLM's vectors of the five."""
    return Embeddings(found.ids, found.judge, None, "captions by MiniLM", False, found.identity)


def _first(whole: Embeddings, n: int) -> Embeddings:
    return whole.rows(np.arange(n), f"first {n}")
