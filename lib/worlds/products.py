"""The world `products-fashionclip`: products and their descriptions by FashionCLIP."""

from __future__ import annotations

from lib.data.pairs import Pairs
from lib.data.sets.clip_vectors import DATASET, clip_rows, product_texts
from lib.encoders.embeddings import Embeddings
from lib.worlds.cut import split_embeddings, split_rows
from lib.worlds.world import World, judge_captions_too


class Products(World):
    """Real FashionCLIP embeddings of 1,126 product photographs and descriptions of about 30 words, without pictures.

    The splits are cut from one fixed permutation.
    """

    name = "products-fashionclip"

    def embeddings(self, split: str) -> Embeddings:
        (image, one), (text, other) = (clip_rows(f"fashion1126-fashionclip/{part}_embeddings") for part in _TOWERS)
        ids, _ = product_texts()
        whole = Embeddings(ids, image, text, "FashionCLIP", True, {"image": one, "text": other})
        return split_embeddings(self, whole, split)

    def judges(self, split: str) -> dict[str, Embeddings]:
        """Return captions: the descriptions' embeddings judge the pictures; from the same model, so only half
        independent.
        """
        mine = self.embeddings(split)
        return {"captions": Embeddings(mine.ids, mine.text, None, "captions", True, {"of": mine.identity})}

    def pair_judges(self, split: str) -> dict[str, Embeddings]:
        """Return captions: the descriptions' embeddings judge pictures and descriptions."""
        return {"captions": judge_captions_too(self.judge(split, "captions")), "source": self.embeddings(split)}

    def pairs(self, split: str) -> Pairs:
        """Return the descriptions, without pictures."""
        ids, texts = product_texts()
        rows = split_rows(self, len(ids), split)
        captions = tuple((texts[i],) for i in rows)
        return Pairs(ids[rows], None, captions, {"dataset": DATASET, "products": self.embeddings(split).identity})


_TOWERS = ("image", "text")
