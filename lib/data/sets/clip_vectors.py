"""Real CLIP vectors of labelled pictures and of pairs, made by others and published without the pictures.

Each array is read where it is available, and made from its author's files otherwise: fetched, hashed, converted once
into the cache. Everything called `vitb32` is one space, that of `labels_b32`; `unsplash2001-vitb16` is in that of
`coco500`. Nothing here states a licence, so nothing of it is committed.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lib.base.errors import CompanionError, NotAvailable
from lib.base.files import cached
from lib.base.vectors import normalise_rows
from lib.data.formats.arrays import read_npy
from lib.data.formats.fetch import locate
from lib.data.formats.manifest import load_manifest
from lib.data.formats.text_files import read_text
from lib.data.formats.torch_tensor import read_tensor

DATASET = "clip-vectors"
_WIDTH = 512
"""Numbers in an embedding by ViT-B/32 and ViT-B/16."""

_CONVERTER = 1
"""Counts the changes of how arrays are made."""


def clip_rows(name: str, width: int = _WIDTH) -> tuple[np.ndarray, dict[str, Any]]:
    """Read unit vectors float32 (n, width), such as those of "vitb32-labelled/dtd_val", and their identity."""
    path = f"{DATASET}/{name}.npy"
    rows = _array(path, lambda sources: np.concatenate([read_rows(source, width) for source in sources]))
    if rows.ndim != 2 or rows.shape[1] != width or not np.isfinite(rows).all():
        raise CompanionError(f"{path}: expected finite numbers of shape (rows, {width}), found {rows.shape}")
    unit = normalise_rows(name, rows.astype(np.float32))
    return unit, {"dataset": DATASET, "path": path} | _origin(path)


def clip_classes(name: str) -> np.ndarray:
    """Read the class numbers int64 (n,) of a labelled set, such as "dtd_val"."""
    path = f"{DATASET}/vitb32-labelled/{name}_labels.npy"
    return _array(path, lambda sources: np.concatenate([read_classes(source) for source in sources])).astype(np.int64)


def clip_lines(name: str, convert: Callable[[str], list[str]]) -> list[str]:
    """Read the lines of a text that comes with vectors, or make them with `convert` from its author's file."""
    path = f"{DATASET}/{name}"
    here = _here(path)
    return read_text(here).splitlines() if here else convert(read_text(_sources(path)[0]))


def flickr_pictures() -> np.ndarray:
    """The file name (500,) of the photograph of each of the 500 pairs of Flickr8k; five captions follow each other."""

    def convert(text: str) -> list[str]:
        names = [f"{row['image_id']}.jpg" for row in csv.DictReader(io.StringIO(text))]
        return ["image", *names]

    return np.array([line.split(",")[0] for line in clip_lines("flickr8k100x5-vitb32/rows.csv", convert)[1:]])


def unsplash_ids() -> np.ndarray:
    """The ids (2001,) of the photographs of Unsplash."""
    name = "unsplash2001-vitb16/photo_ids.txt"
    return np.array(clip_lines(name, lambda text: [one["id"] for one in json.loads(text)]))


def product_texts() -> tuple[np.ndarray, tuple[str, ...]]:
    """The ids (1126,) of the products and their descriptions."""
    path = f"{DATASET}/fashion1126-fashionclip/rows.csv"
    here = _here(path)
    text = read_text(here or _sources(path)[0])
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    ids = [row["id"] if here else Path(row["image_path"]).stem for row in rows]
    return np.array(ids), tuple(" ".join(row["description"].split()) for row in rows)


def without_repeats(rows: np.ndarray, classes: np.ndarray, alike: float = 0.98) -> np.ndarray:
    """The row numbers to keep where pictures were drawn several times: within a class, no two are `alike` in cosine.

    Two means over ten random crops of one photograph have a cosine above 0.99; those of two photographs of one class
    seldom exceed 0.97.
    """
    keep: list[int] = []
    for number in np.unique(classes):
        mine: list[int] = []
        for row in np.flatnonzero(classes == number):
            if not mine or (rows[mine] @ rows[row]).max() < alike:
                mine.append(int(row))
        keep += mine
    return np.sort(keep)


def read_rows(path: Path, width: int) -> np.ndarray:
    """Read the vectors of an author's file: `.npy`, raw float32 (`.bin`), or a tensor, whose rows may be columns."""
    if path.suffix == ".npy":
        return np.asarray(read_npy(path))
    if path.suffix == ".bin":
        return np.frombuffer(path.read_bytes(), np.dtype("<f4")).reshape(-1, width)
    tensor = read_tensor(path)
    return tensor.T if tensor.ndim == 2 and tensor.shape[1] != width else tensor


def read_classes(path: Path) -> np.ndarray:
    """Read the class numbers of an author's file: a list, a one-hot matrix, or features in the order of the classes."""
    tensor = read_tensor(path)
    if tensor.ndim == 1:
        return tensor.astype(np.int64)
    if not path.name.startswith("keys"):
        return tensor.argmax(axis=1)
    shots = int(path.stem.removeprefix("keys_").removesuffix("shots"))
    return np.repeat(np.arange(len(read_rows(path, _WIDTH)) // shots), shots)


def _array(path: str, make: Callable[[Sequence[Path]], np.ndarray]) -> np.ndarray:
    if here := _here(path):
        return np.asarray(read_npy(here))
    sources = _sources(path)

    def convert(folder: Path) -> None:
        made = make(sources)
        np.save(folder / "array.npy", made.astype(np.float16) if made.dtype.kind == "f" else made)

    return np.asarray(read_npy(cached(DATASET, {"path": path} | _origin(path), convert) / "array.npy"))


def _origin(path: str) -> dict[str, Any]:
    """Return what decides the bytes of an array: its own hash, or those of the files from which it is made."""
    manifest = load_manifest()
    file = manifest.file(DATASET, path)
    if _here(path):
        return {"sha256": file.sha256}
    return {"sources": [manifest.file(DATASET, one).sha256 for one in file.made_from], "converter": _CONVERTER}


def _here(path: str) -> Path | None:
    try:
        return locate(DATASET, path, fetch=False)
    except NotAvailable:
        return None


def _sources(path: str) -> list[Path]:
    return [locate(DATASET, one) for one in load_manifest().file(DATASET, path).made_from]
