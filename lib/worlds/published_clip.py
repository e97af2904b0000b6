"""The world `clip`: Flickr8k by a published open_clip model."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lib.data.captions import each_caption
from lib.encoders.clip import ClipEncoder
from lib.encoders.embeddings import Embeddings
from lib.encoders.open_model import open_model
from lib.encoders.store import embed
from lib.worlds.photos import Photos

if TYPE_CHECKING:
    from lib.worlds.profiles import Profile


class PublishedClip(Photos):
    """Flickr8k by a published open_clip model. The judge, MiniLM on the five captions, shares nothing with it."""

    name = "clip"
    learnt_split = ""

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile)
        self._encoder_name = profile.encoder

    @cached_property
    def encoder(self) -> ClipEncoder:
        """The model that the profile names, fetched from the hub if it is not here."""
        return open_model(self._encoder_name)

    def embeddings(self, split: str) -> Embeddings:
        return embed(self.pairs(split), self.encoder).unit()

    def activations(self, split: str, layer: int | None) -> Embeddings:
        if layer is None:
            return self.embeddings(split)
        return embed(self.pairs(split), self.encoder, towers=("image",), layer=layer)

    def caption_embeddings(self, split: str) -> np.ndarray:
        each, _ = each_caption(self.pairs(split))
        return embed(each, self.encoder, towers=("text",)).unit().tower("text").reshape(self.size(split), 5, -1)
