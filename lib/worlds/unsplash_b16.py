"""The world `unsplash-b16`: the real CLIP pairs of `clip-arrays`, with more pictures to train on."""

from __future__ import annotations

from lib.base.errors import NotAvailable
from lib.data.sets.clip_vectors import clip_rows, unsplash_ids
from lib.encoders.embeddings import Embeddings
from lib.worlds.clip_arrays import ClipArrays
from lib.worlds.cut import split_embeddings

_PAIRS = ("dev", "test")


class UnsplashB16(ClipArrays):
    """Real CLIP ViT-B/16 embeddings: 2,001 photographs of Unsplash without captions to train on, COCO pairs to test on.

    The photographs differ from COCO's: professionals took them, and each shows one subject.
    """

    name = "unsplash-b16"
    concept_split = "test"  # only there are captions

    def embeddings(self, split: str) -> Embeddings:
        if split != "train":
            return split_embeddings(self, self._coco_pairs(), split, _PAIRS)
        image, identity = clip_rows("unsplash2001-vitb16/image_embeddings")
        return split_embeddings(
            self, Embeddings(unsplash_ids(), image, None, "CLIP ViT-B/16", True, identity), split, ("train",)
        )

    def judges(self, split: str) -> dict[str, Embeddings]:
        """Return captions: as in `clip-arrays`, for the COCO pairs."""
        if split == "train":
            raise NotAvailable(f"world {self.name} has no captions of its train pictures, so nothing judges them")
        return super().judges(split)
