"""The world `labels-b32`: labelled pictures and the texts of their labels, in one real CLIP space."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from lib.base.files import digest
from lib.data.sets.clip_vectors import clip_classes, clip_rows, without_repeats
from lib.data.sets.join_labels import JOINS
from lib.data.sets.label_vectors import Labels, labels_b32
from lib.encoders.embeddings import Embeddings
from lib.worlds.cut import split_embeddings, split_rows
from lib.worlds.known_classes import class_truth, one_hot
from lib.worlds.world import World, judge_captions_too

PARTS = {
    "caltech101": ("test", "val", "train16"),
    "food101": ("train16",),
    "imagenet": ("train7",),
    "oxford_flowers": ("test", "val", "train16"),
    "sun397": ("val", "train15"),
    "ucf101": ("test", "val", "train16"),
}
"""The labelled sets with a class that has a label, and their parts."""

DRAWN_AGAIN = ("train7", "train15")
"""Parts that are several draws from the same pictures, so that some pictures are in them twice."""


class LabelledRows(NamedTuple):
    """n pictures whose label has a text embedding. number (n,): the row of the label in `labels_b32`."""

    ids: np.ndarray
    image: np.ndarray
    number: np.ndarray
    identity: dict[str, Any]


class LabelsB32(World):
    """Real CLIP ViT-B/32 embeddings of labelled pictures, each paired with the text "a LABEL" by the same CLIP.

    Two kinds of rows are mixed here: from one pass, and means over ten random crops (the parts called train). Most
    labels have pictures of only one kind. The splits are cut from one fixed permutation.
    """

    name = "labels-b32"
    labelled_sets = tuple(PARTS)

    def embeddings(self, split: str) -> Embeddings:
        rows, labels = self._whole, labels_b32()
        whole = Embeddings(rows.ids, rows.image, labels.vectors[rows.number], "CLIP ViT-B/32", True, rows.identity)
        return split_embeddings(self, whole, split)

    def judges(self, split: str) -> dict[str, Embeddings]:
        """Return truth: the labels."""
        prompts, numbers = self.classes(split)
        return {"truth": class_truth(self.embeddings(split), one_hot(numbers, len(prompts)), "labels")}

    def pair_judges(self, split: str) -> dict[str, Embeddings]:
        """Return truth: the labels, both for pictures and for texts."""
        return {"truth": judge_captions_too(self.judge(split, "truth")), "source": self.embeddings(split)}

    def labels(self) -> Labels:
        """Return the names of things of LVIS and Objects365, and their text embeddings by the same CLIP."""
        return labels_b32()

    def classes(self, split: str) -> tuple[Embeddings, np.ndarray]:
        labels, number = labels_b32(), self._whole.number
        used, place = np.unique(number, return_inverse=True)
        names = np.array(labels.names)[used]
        identity = {**self._whole.identity, "rows": "labels"}
        prompts = Embeddings(names, None, labels.vectors[used], "CLIP ViT-B/32", True, identity)
        return prompts, place[split_rows(self, len(number), split)]

    def sets(self, split: str) -> np.ndarray:
        ids = self._whole.ids[split_rows(self, len(self._whole.ids), split)]
        return np.array([one.rsplit("_", 1)[0] for one in ids])

    @cached_property
    def _whole(self) -> LabelledRows:
        return labelled_rows()


def labelled_rows() -> LabelledRows:
    """Read all pictures of the labelled sets whose class has a name among the labels, without repeats."""
    joined, labels = json.loads(JOINS.read_text())["labels"], labels_b32()
    place = {name: number for number, name in enumerate(labels.names)}
    ids, images, numbers, identities = [], [], [], []
    for name, parts in PARTS.items():
        known = {int(one): place[label] for one, label in joined[name].items()}
        for part in parts:
            image, identity = clip_rows(f"vitb32-labelled/{name}_{part}")
            classes = clip_classes(f"{name}_{part}")
            kept = without_repeats(image, classes) if part in DRAWN_AGAIN else np.arange(len(image))
            kept = kept[np.isin(classes[kept], list(known))]
            ids += [f"{name}_{part}-{i}" for i in kept]
            images.append(image[kept])
            numbers += [known[one] for one in classes[kept]]
            identities.append(identity)
    whole = {"dataset": "clip-vectors", "parts": digest([identities, ids])}
    return LabelledRows(np.array(ids), np.concatenate(images), np.array(numbers), whole)
