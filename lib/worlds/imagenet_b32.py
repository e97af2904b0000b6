"""The world `imagenet-b32`: ImageNet by CLIP ViT-B/32, with its taxonomy."""

from __future__ import annotations

import json
from functools import cached_property
from typing import NamedTuple

import numpy as np

from lib.data.formats.fetch import locate
from lib.data.pairs import Facts
from lib.data.sets.clip_vectors import clip_classes, clip_rows, without_repeats
from lib.data.sets.join_labels import JOINS
from lib.data.sets.label_vectors import Labels, labels_b32
from lib.data.sets.tiny_imagenet import label_facts, read_paths
from lib.encoders.embeddings import Embeddings
from lib.worlds.cut import split_embeddings, split_rows
from lib.worlds.known_classes import class_truth, rank_numbers
from lib.worlds.world import World


class _Rows(NamedTuple):
    whole: Embeddings
    paths: tuple[tuple[str, ...], ...]
    """Realm, group and kind of the classes that have all three, as WordNet ids."""
    place: np.ndarray
    """(n,) the position of each picture's class in `paths`."""


class ImagenetB32(World):
    """Real CLIP ViT-B/32 embeddings of seven training pictures of each class of ImageNet, without those drawn twice.

    Every row is a mean over ten random crops. Classes so high in WordNet's hierarchy that they lack a realm, a group or
    a kind are left out. The splits are cut from one fixed permutation.
    """

    name = "imagenet-b32"

    def embeddings(self, split: str) -> Embeddings:
        return split_embeddings(self, self._all.whole, split)

    def judges(self, split: str) -> dict[str, Embeddings]:
        """Return truth: centred vectors of WordNet's realms, groups and kinds."""
        return {"truth": class_truth(self.embeddings(split), self.facts(split).truth, "WordNet")}

    def facts(self, split: str) -> Facts:
        """Return realm, group and kind by WordNet id."""
        return label_facts([self._all.paths[i] for i in self._classes(split)])

    def labels(self) -> Labels:
        """Return the names of things of LVIS and Objects365, and their text embeddings by the same CLIP."""
        return labels_b32()

    @property
    def taxa(self) -> tuple[int, int, int]:
        realms, groups, kinds = (int(column.max()) + 1 for column in rank_numbers(self._all.paths).T)
        return realms, groups, kinds

    def taxonomy(self, split: str) -> np.ndarray:
        return rank_numbers(self._all.paths)[self._classes(split)]

    def _classes(self, split: str) -> np.ndarray:
        return self._all.place[split_rows(self, len(self._all.whole), split)]

    @cached_property
    def _all(self) -> _Rows:
        image, identity = clip_rows("vitb32-labelled/imagenet_train7")
        classes = clip_classes("imagenet_train7")
        wnids = json.loads(JOINS.read_text())["imagenet"]
        found = read_paths(locate("imagenet-hierarchy", "text/hierarchy/class_hierarchy.txt"))
        known = [number for number, wnid in enumerate(wnids) if wnid in found]
        kept = without_repeats(image, classes)
        kept = kept[np.isin(classes[kept], known)]
        ids = np.array([f"imagenet-{i:04d}" for i in kept])
        whole = Embeddings(ids, image[kept], None, "CLIP ViT-B/32", True, {**identity, "rows": "without repeats"})
        return _Rows(whole, tuple(found[wnids[number]] for number in known), np.searchsorted(known, classes[kept]))
