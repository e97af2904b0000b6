"""The world `photos-halves`: Flickr8k by heads that have read half of its train photos; `train` is the other half."""

from __future__ import annotations

from lib.base.errors import CompanionError, NotAvailable
from lib.data.pairs import Pairs
from lib.encoders.clip import ClipEncoder
from lib.encoders.photo_vectors import PhotoVectors
from lib.worlds.photos import Photos


class PhotosHalves(Photos):
    """Photographs for whatever trains on top of an encoder: no split but `learnt` was among the encoder's own pairs.

    Needs Flickr8k and the towers; their features are computed once, in about a quarter of an hour on one core.
    """

    name = "photos-halves"
    learnt_split = "learnt"
    more_splits = (learnt_split,)

    @property
    def encoder(self) -> ClipEncoder:
        raise NotAvailable("world photos-halves has embeddings of its own pairs and no encoder; use profile photos")

    def pairs(self, split: str) -> Pairs:
        from lib.encoders.photo_halves import half_pairs

        return half_pairs(split).first(self.size(split))

    def _vectors(self, split: str) -> PhotoVectors:
        from lib.encoders.photo_halves import half_vectors  # its towers take seconds to import

        found = half_vectors(split)
        if self.size(split) > len(found.ids):
            raise CompanionError(f"{split} of {self.size(split)} pairs; world {self.name} has {len(found.ids)}")
        return found
