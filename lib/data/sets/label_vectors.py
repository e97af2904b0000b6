"""Real CLIP vectors of names of things, made by others: LVIS and Objects365 by ViT-B/32, COCO-Stuff by ViT-B/16.

Each set is in the space of the pictures by the same model, and in no other. The repository ships them
(`lib.data.sets.ship_vectors`), under Apache-2.0 and MIT.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lib.base.vectors import normalise_rows
from lib.data.sets.shipped_vectors import shipped


class Labels(NamedTuple):
    """The names of m classes and their text embeddings."""

    names: tuple[str, ...]
    """The names (m), without repeats."""
    vectors: np.ndarray
    """The embeddings, float32 (m, d), unit norm."""


def labels_b32() -> Labels:
    """Read the classes of LVIS (1,203) and Objects365 (365) by ViT-B/32; of two with the same name the first is kept.

    Source: Zhou et al., Detic (ECCV 2022), who embedded "a NAME".
    """
    tensors, notes, _ = shipped("labels-vitb32")
    names = [*notes["lvis"].split("\n"), *notes["objects365"].split("\n")]
    vectors = np.concatenate([normalise_rows(part, tensors[part]) for part in ("lvis", "objects365")])
    first = sorted(np.unique(names, return_index=True)[1])
    return Labels(tuple(names[i] for i in first), vectors[first])


def labels_b16() -> Labels:
    """Read the 171 classes of COCO-Stuff by ViT-B/16, each the mean over many templates.

    Source: Zhou et al., ZegCLIP (CVPR 2023).
    """
    tensors, notes, _ = shipped("cocostuff171-vitb16")
    return Labels(tuple(notes["names"].split("\n")), normalise_rows("names", tensors["many templates"]))
