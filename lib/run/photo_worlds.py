"""Two worlds of real photographs that run from shipped vectors; their pictures are there where the data sets are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lib.data.clip_labels import Labels, flickr1k, labels
from lib.data.errors import CompanionError
from lib.data.flickr8k import flickr8k
from lib.data.pairs import Facts, Pairs
from lib.data.tiny_imagenet import RANKS, label_facts, tiny_imagenet
from lib.encoders.clip import ClipEncoder
from lib.encoders.embeddings import Embeddings
from lib.encoders.photo_vectors import object_vectors, photo_vectors
from lib.run.worlds import World


class Photos(World):
    """Flickr8k by the photos model. The judge is MiniLM on the five captions that people wrote of a picture."""

    name = "photos"
    keeps_pictures = False

    @property
    def encoder(self) -> ClipEncoder:
        """The photos model, for pictures and texts of one's own; needs the extra `photos`."""
        from lib.encoders.photos_clip import photos_clip

        return photos_clip()

    def pairs(self, split: str) -> Pairs:
        """Pictures and captions, where Flickr8k is at hand."""
        self._rows(split)
        return flickr8k(split).first(self.sizes[split])

    def embeddings(self, split: str) -> Embeddings:
        rows, found = self._rows(split), photo_vectors(split)
        everything = Embeddings(found.ids, found.image, found.text[:, 0], "photos-clip", False, found.identity)
        return everything.rows(rows, f"first {len(rows)}").unit()

    def captions(self, split: str) -> np.ndarray:
        """Unit embeddings (n, 5, d) of all captions of the pictures of a split."""
        text = photo_vectors(split).text[self._rows(split)]
        return text / np.linalg.norm(text, axis=-1, keepdims=True)

    def judges(self, split: str) -> dict[str, Embeddings]:
        """network: MiniLM on the captions. The image head learnt from the same network, so it is half independent."""
        rows, found = self._rows(split), photo_vectors(split)
        judge = Embeddings(found.ids, found.judge, None, "captions by MiniLM", False, found.identity)
        return {"network": judge.rows(rows, f"first {len(rows)}").unit()}

    def pair_judges(self, split: str) -> dict[str, Embeddings]:
        """Pictures, too, are judged by their captions, of which MiniLM has read all five."""
        judge = self.judges(split)["network"]
        captions = Embeddings(judge.ids, judge.image, judge.image, "captions by MiniLM", True, judge.identity)
        return {"captions": captions, "source": self.embeddings(split)}

    def _rows(self, split: str) -> np.ndarray:
        there = len(photo_vectors(split).ids)
        if self.sizes[split] > there:
            raise CompanionError(f"{split} of {self.sizes[split]} pairs; world {self.name} has {there}")
        return np.arange(self.sizes[split])


class Objects(World):
    """Tiny-ImageNet's validation photos by the photos model; the splits are cut from one fixed permutation."""

    name = "tiny-imagenet"
    keeps_pictures = False

    @property
    def encoder(self) -> ClipEncoder:
        """The photos model; needs the extra `photos`."""
        from lib.encoders.photos_clip import photos_clip

        return photos_clip()

    def pairs(self, split: str) -> Pairs:
        """Pictures and facts (realm, group and kind by WordNet id), where Tiny-ImageNet is at hand."""
        return tiny_imagenet(list(self.embeddings(split).ids))

    def facts(self, split: str) -> Facts:
        """The facts alone, which need no picture."""
        found = object_vectors()
        return label_facts([found.paths[i] for i in found.label[self._rows(split)]])

    def embeddings(self, split: str) -> Embeddings:
        found = object_vectors()
        everything = Embeddings(found.ids, found.image, found.text[found.label], "photos-clip", False, found.identity)
        return everything.rows(self._rows(split), f"{split} of {list(self.sizes.values())}").unit()

    @property
    def taxa(self) -> tuple[int, int, int]:
        realms, groups, kinds = (int(column.max()) + 1 for column in self._paths().T)
        return realms, groups, kinds

    def taxonomy(self, split: str) -> np.ndarray:
        return self._paths()[object_vectors().label[self._rows(split)]]

    def judges(self, split: str) -> dict[str, Embeddings]:
        """network: MiniLM on the names of the classes. truth: centred vectors of WordNet's realms, groups and kinds."""
        mine, found = self.embeddings(split), object_vectors()
        names = found.judge[found.label[self._rows(split)]]
        truth = self.facts(split).truth.astype(np.float32)
        base = Embeddings(mine.ids, names, None, "class names by MiniLM", False, {**mine.identity, "judge": "names"})
        labels = replace(
            base, image=truth - truth.mean(axis=0), encoder="WordNet", identity={**mine.identity, "judge": "truth"}
        )
        return {"network": base.unit(), "truth": labels.unit()}

    def _paths(self) -> np.ndarray:
        """(classes, 3) numbers of the realm, group and kind of every class."""
        paths = np.array(object_vectors().paths)
        return np.column_stack([np.unique(paths[:, i], return_inverse=True)[1] for i in range(len(RANKS))])

    def _rows(self, split: str) -> np.ndarray:
        return cut(len(object_vectors().ids), self.sizes, split, self.name)


class Flickr1k(World):
    """Real CLIP ViT-B/32 embeddings of 1,000 Flickr8k photos, and of the names of things; no pictures, no captions."""

    name = "flickr1k"

    def embeddings(self, split: str) -> Embeddings:
        image, identity = flickr1k()
        everything = Embeddings(self._ids(), image, None, "CLIP ViT-B/32", True, identity)
        return everything.rows(self._rows(split), f"{split} of {list(self.sizes.values())}")

    def labels(self) -> Labels:
        """Names of things and their text embeddings in the same space."""
        return labels()

    def judges(self, split: str) -> dict[str, Embeddings]:
        """network: MiniLM on the five captions of each photo; it shares nothing with CLIP."""
        found = photo_vectors("train")
        judge = Embeddings(found.ids[:1000], found.judge[:1000], None, "captions by MiniLM", False, found.identity)
        return {"network": judge.rows(self._rows(split), f"{split} of {list(self.sizes.values())}").unit()}

    def _ids(self) -> np.ndarray:
        return photo_vectors("train").ids[:1000]

    def _rows(self, split: str) -> np.ndarray:
        return cut(1000, self.sizes, split, self.name)


def cut(n: int, sizes: dict[str, int], split: str, world: str) -> np.ndarray:
    """The row numbers of a split of n rows that come without splits; one fixed permutation serves all."""
    if split not in sizes:
        raise CompanionError(f"world {world} has no split {split!r}; known: {', '.join(sizes)}")
    if sum(sizes.values()) > n:
        raise CompanionError(f"splits of {sum(sizes.values())} pairs; world {world} has {n}")
    order, ends = np.random.default_rng(0).permutation(n), np.cumsum(list(sizes.values()))
    return dict(zip(sizes, np.split(order, ends), strict=False))[split]
