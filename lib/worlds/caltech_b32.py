"""The world `caltech-b32`: Caltech-101 by CLIP ViT-B/32, judged by another CLIP and by the labels."""

from __future__ import annotations

import numpy as np

from lib.data.pairs import Facts
from lib.data.sets.clip_vectors import clip_classes, clip_rows
from lib.data.sets.label_vectors import Labels, labels_b32
from lib.encoders.embeddings import Embeddings
from lib.worlds.cut import split_embeddings, split_rows
from lib.worlds.known_classes import class_truth, one_hot
from lib.worlds.world import World

CLASSES = 100
"""Number of classes of Caltech-101 without its background class; it counts faces once."""

_UNSEEN = ("dev", "test")


class CaltechB32(World):
    """Real CLIP ViT-B/32 embeddings of Caltech-101, each from one pass; no pictures, no captions.

    The train split is cut from the set's test pictures (2,465), dev and test from its validation pictures (1,649),
    because only these were also embedded by the judge, CLIP RN50. The means over ten crops that were published for its
    training pictures are left out, since they would be rows of another kind.
    """

    name = "caltech-b32"

    def embeddings(self, split: str) -> Embeddings:
        image, identity = clip_rows(f"vitb32-labelled/{_source(split)}")
        ids = np.array([f"{_source(split)}-{i:04d}" for i in range(len(image))])
        whole = Embeddings(ids, image, None, "CLIP ViT-B/32", True, identity)
        return split_embeddings(self, whole, split, _sharing(split))

    def judges(self, split: str) -> dict[str, Embeddings]:
        """Return network: CLIP RN50, a convolutional tower (not for the train split), and truth: the labels."""
        mine = self.embeddings(split)
        found = {"truth": class_truth(mine, self.facts(split).truth, "Caltech-101")}
        if split == "train":
            return found
        image, identity = clip_rows("caltech101-rn50/val", 1024)
        whole = Embeddings(np.arange(len(image)).astype(str), image, None, "CLIP RN50", True, identity)
        tower = split_embeddings(self, whole, split, _UNSEEN)
        return {"network": Embeddings(mine.ids, tower.image, None, "CLIP RN50", True, tower.identity), **found}

    def facts(self, split: str) -> Facts:
        """Return the class of each picture, by number; no caption could mention it."""
        numbers = clip_classes(_source(split))
        truth = one_hot(numbers[split_rows(self, len(numbers), split, _sharing(split))], CLASSES)
        names = tuple(f"kind:{number}" for number in range(CLASSES))
        return Facts(names, truth, np.zeros((len(truth), 1, CLASSES), bool))

    def labels(self) -> Labels:
        """Return the names of things of LVIS and Objects365, and their text embeddings by the same CLIP."""
        return labels_b32()


def _source(split: str) -> str:
    return "caltech101_test" if split == "train" else "caltech101_val"


def _sharing(split: str) -> tuple[str, ...]:
    return ("train",) if split == "train" else _UNSEEN
