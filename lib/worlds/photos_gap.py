"""The world `photos-gap`: the photographs of `photos` with the modality gap of CLIP between pictures and captions."""

from __future__ import annotations

import numpy as np

from lib.base.errors import NotAvailable
from lib.encoders.clip import ClipEncoder
from lib.encoders.embeddings import Embeddings
from lib.encoders.modality_gap import move_rows, set_gap
from lib.worlds.photos import Photos

CLIPS = 1.0
"""The strength of CLIP's own gap."""


class PhotosGap(Photos):
    """Flickr8k by the photos model, with means as far apart as CLIP's; contents and judges are those of `photos`.

    The photos model has almost no gap (0.13 between the means, where CLIP has 0.85), and the claims of papers 2 and 3
    need one. Only the two means differ from `photos`.
    """

    name = "photos-gap"

    @property
    def encoder(self) -> ClipEncoder:
        raise NotAvailable("world photos-gap has moved embeddings and no encoder of them; use profile photos")

    def embeddings(self, split: str) -> Embeddings:
        return set_gap(super().embeddings(split), super().embeddings("train"), CLIPS)

    def caption_embeddings(self, split: str) -> np.ndarray:
        mean = super().embeddings("train").tower("text").mean(axis=0, dtype=np.float64)
        return move_rows(super().caption_embeddings(split), mean, "text", CLIPS)
