"""The world `clip-arrays`: real CLIP embeddings of 500 COCO pairs."""

from __future__ import annotations

from lib.data.sets.coco_vectors import coco500
from lib.data.sets.label_vectors import Labels, labels_b16
from lib.encoders.embeddings import Embeddings
from lib.worlds.cut import split_embeddings
from lib.worlds.world import World, judge_captions_too


class ClipArrays(World):
    """Real CLIP embeddings of 500 COCO pairs; the splits are cut from one fixed permutation."""

    name = "clip-arrays"
    concept_split = "train"  # as in the papers; with 80 test pairs a latent has barely one example

    def embeddings(self, split: str) -> Embeddings:
        return split_embeddings(self, self._coco_pairs(), split)

    def _coco_pairs(self) -> Embeddings:
        """All 500 pairs, before the split."""
        ids, image, text, identity = coco500()
        return Embeddings(ids, image, text, "CLIP ViT-B/16", normalised=False, identity=identity).unit()

    def labels(self) -> Labels:
        """Return the 171 class names of COCO-Stuff, and their text embeddings by the same CLIP."""
        return labels_b16()

    def judges(self, split: str) -> dict[str, Embeddings]:
        """Return captions, whose embeddings judge the pictures. They come from the same CLIP, so are only half
        independent.
        """
        mine = self.embeddings(split)
        captions = Embeddings(mine.ids, mine.text, None, "captions", normalised=True, identity={"of": mine.identity})
        return {"captions": captions}

    def pair_judges(self, split: str) -> dict[str, Embeddings]:
        """Return source's text tower: the caption's embedding also stands for its picture, so it is half circular."""
        text_tower = judge_captions_too(self.judge(split, "captions"))
        return {"source's text tower": text_tower, "source": self.embeddings(split)}
