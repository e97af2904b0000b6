"""The stored embeddings of the photos model: ids and vectors, so that experiments without pictures need no picture
files.

`python -m lib.encoders.training.write_photo_vectors` makes them. They are float16 in the files and float32 here.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lib.base.errors import CompanionError
from lib.base.files import sha256_file
from lib.base.places import MODELS
from lib.data.formats.vector_files import read_vector_file

FOLDER = MODELS / "photos-clip"
SPLITS = ("train", "dev", "test")


class PhotoVectors(NamedTuple):
    """A split of Flickr8k. ids (n,): file names; image (n, d); text (n, 5, d), one row for each caption; judge (n,
    384): the mean of MiniLM's unit vectors of the five captions.
    """

    ids: np.ndarray
    image: np.ndarray
    text: np.ndarray
    judge: np.ndarray
    identity: dict[str, Any]


class ObjectVectors(NamedTuple):
    """Tiny-ImageNet. ids (n,); image (n, d); label (n,). By class: text (c, d) of "a photo of a CLASS", judge (c, 384)
    by MiniLM, and paths: realm, group and kind as WordNet ids.
    """

    ids: np.ndarray
    image: np.ndarray
    label: np.ndarray
    text: np.ndarray
    judge: np.ndarray
    paths: tuple[tuple[str, ...], ...]
    identity: dict[str, Any]


@cache
def photo_vectors(split: str) -> PhotoVectors:
    """Read the vectors of the split "train", "dev" or "test"."""
    if split not in SPLITS:
        raise CompanionError(f"the photos have no split {split!r}; known: {', '.join(SPLITS)}")
    pictures, captions = FOLDER / f"{split}.safetensors", FOLDER / f"{split}-text.safetensors"
    tensors, notes = _read(pictures)
    text, _ = _read(captions)
    identity = {"shipped": "photos-clip", "split": split, "sha256": [sha256_file(pictures), sha256_file(captions)]}
    return PhotoVectors(np.array(notes["ids"].split()), tensors["image"], text["text"], tensors["judge"], identity)


@cache
def object_vectors() -> ObjectVectors:
    """Read the vectors of Tiny-ImageNet's validation photos."""
    path = FOLDER / "objects.safetensors"
    tensors, notes = _read(path)
    paths = tuple(tuple(line.split()) for line in notes["paths"].split("\n"))
    identity = {"shipped": "photos-clip", "objects": sha256_file(path)}
    label = tensors["label"].astype(np.int64)
    ids, image, text, judge = np.array(notes["ids"].split()), tensors["image"], tensors["text"], tensors["judge"]
    return ObjectVectors(ids, image, label, text, judge, paths, identity)


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    heads, vectors = (f"lib.encoders.training.{name}" for name in ("photos_heads", "write_photo_vectors"))
    return read_vector_file(path, f"run python -m {heads}, then python -m {vectors}")
