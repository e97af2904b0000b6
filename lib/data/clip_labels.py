"""Real CLIP ViT-B/32 vectors made by others: 1,000 Flickr8k photos, and the names of 2,148 classes of things.

Both are of one space, and of another than `clip-arrays`.
"""

from __future__ import annotations

import csv
import json
from typing import Any, NamedTuple

import numpy as np

from lib.data.arrays import read_npy
from lib.data.errors import CompanionError
from lib.data.fetch import locate
from lib.data.manifest import load_manifest

PHOTOS, LABELS = "flickr1k-vitb32", "labels-vitb32"
IMAGE_FILE = "clip-arrays/flickr1k-vitb32/image_embeddings.npy"
FOLDER = "clip-arrays/labels-vitb32"


class Labels(NamedTuple):
    """names (m,) and unit vectors (m, 512), float32."""

    names: tuple[str, ...]
    vectors: np.ndarray


def flickr1k() -> tuple[np.ndarray, dict[str, Any]]:
    """Unit image embeddings (1000, 512) of the first 1,000 lines of Flickr8k's training list, and their identity."""
    image = unit_rows(IMAGE_FILE, PHOTOS, (1000, 512))
    return image, {"dataset": PHOTOS, "sha256": load_manifest().file(PHOTOS, IMAGE_FILE).sha256}


def labels() -> Labels:
    """The classes of LVIS (1,203) and Objects365 (365), whose names are known, without repeats."""
    lvis = json.loads(locate(LABELS, f"{FOLDER}/lvis_v1_train_cat_info.json").read_text())
    names = [one["name"].replace("_", " ") for one in sorted(lvis, key=lambda one: one["id"])]
    with open(locate(LABELS, f"{FOLDER}/Objects365_names_fix.csv"), newline="") as stream:
        names += [row[-1].strip().lower() for row in csv.reader(stream)]
    parts = [("lvis_v1_clip_a+cname.npy", 1203), ("o365_clip_a+cnamefix.npy", 365)]
    vectors = np.concatenate([unit_rows(f"{FOLDER}/{file}", LABELS, (rows, 512)) for file, rows in parts])
    if len(names) != len(vectors):
        raise CompanionError(f"{LABELS}: {len(names)} names for {len(vectors)} vectors; get the files again")
    first = sorted(np.unique(names, return_index=True)[1])
    return Labels(tuple(names[i] for i in first), vectors[first])


def unit_rows(path: str, dataset: str, shape: tuple[int, int]) -> np.ndarray:
    """A file of the manifest as float32 rows of unit norm; any other content is a one-line error."""
    file = locate(dataset, path)
    array = read_npy(file)
    if not isinstance(array, np.ndarray) or array.shape != shape or not np.isfinite(array).all():
        raise CompanionError(f"{file.name}: expected finite numbers {shape}; get the right file")
    array = array.astype(np.float32)
    norms = np.linalg.norm(array, axis=1, keepdims=True)
    if (norms == 0).any():
        raise CompanionError(f"{file.name}: row {int(norms.argmin())} is zero; get the right file")
    return array / norms
