"""The world `tiny-imagenet`: photographs of objects with a taxonomy, from shipped vectors."""

from __future__ import annotations

import numpy as np

from lib.base.vectors import normalise_rows
from lib.data.pairs import Facts, Pairs
from lib.data.sets.label_vectors import Labels
from lib.data.sets.tiny_imagenet import label_facts, tiny_imagenet
from lib.encoders.class_texts import wordnet_names
from lib.encoders.clip import ClipEncoder
from lib.encoders.embeddings import Embeddings
from lib.encoders.photo_vectors import object_vectors
from lib.worlds.cut import split_embeddings, split_rows
from lib.worlds.known_classes import class_truth, rank_numbers
from lib.worlds.world import World


class Objects(World):
    """Tiny-ImageNet's validation photos by the photos model; the splits are cut from one fixed permutation."""

    name = "tiny-imagenet"
    keeps_pictures = False
    judges_share = "both judges are functions of the class: one embeds its name, the other its place in WordNet"

    @property
    def encoder(self) -> ClipEncoder:
        """The photos model, which needs the extra `photos`."""
        from lib.encoders.photos_clip import photos_clip

        return photos_clip()

    def pairs(self, split: str) -> Pairs:
        """Return pictures and facts (realm, group and kind by WordNet id), where Tiny-ImageNet is available."""
        return tiny_imagenet(list(self.embeddings(split).ids))

    def facts(self, split: str) -> Facts:
        """Return realm, group and kind by WordNet id, which need no picture."""
        found = object_vectors()
        return label_facts([found.paths[i] for i in found.label[self._rows(split)]])

    def embeddings(self, split: str) -> Embeddings:
        found = object_vectors()
        whole = Embeddings(found.ids, found.image, found.text[found.label], "photos-clip", False, found.identity)
        return split_embeddings(self, whole, split).unit()

    def labels(self) -> Labels:
        """Return the names of the classes by WordNet, and the text embeddings of "a photo of a CLASS"."""
        found = object_vectors()
        names = wordnet_names([path[-1] for path in found.paths])
        return Labels(names, normalise_rows("class texts", found.text))

    def classes(self, split: str) -> tuple[Embeddings, np.ndarray]:
        found, (names, vectors) = object_vectors(), self.labels()
        prompts = Embeddings(np.array(names), None, vectors, "photos-clip", True, {**found.identity, "rows": "classes"})
        return prompts, found.label[self._rows(split)]

    @property
    def taxa(self) -> tuple[int, int, int]:
        realms, groups, kinds = (int(column.max()) + 1 for column in self._paths().T)
        return realms, groups, kinds

    def taxonomy(self, split: str) -> np.ndarray:
        return self._paths()[object_vectors().label[self._rows(split)]]

    def judges(self, split: str) -> dict[str, Embeddings]:
        """Return network: MiniLM on the names of the classes, and truth: centred vectors of WordNet's taxonomy."""
        mine, found = self.embeddings(split), object_vectors()
        names = found.judge[found.label[self._rows(split)]]
        base = Embeddings(mine.ids, names, None, "class names by MiniLM", False, {**mine.identity, "judge": "names"})
        return {"network": base.unit(), "truth": class_truth(mine, self.facts(split).truth, "WordNet")}

    def _paths(self) -> np.ndarray:
        return rank_numbers(object_vectors().paths)

    def _rows(self, split: str) -> np.ndarray:
        return split_rows(self, len(object_vectors().ids), split)
