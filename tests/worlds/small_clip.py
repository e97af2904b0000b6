"""Small files in the form of `clip-vectors`, which the worlds of published CLIP models read in tests."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lib.data.sets import clip_vectors
from lib.worlds.labels_b32 import PARTS

ROWS = 24
"""Rows of each array."""


def small_clip(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the files, and let the readers find only these. Every row has a cosine near 0 with all others."""
    rng = np.random.default_rng(0)

    def vectors(name: str, width: int = 512, rows: int = ROWS) -> None:
        path = folder / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, rng.standard_normal((rows, width)).astype(np.float16))

    for name, parts in {**PARTS, "caltech101": ("test", "val", "train16")}.items():
        for part in parts:
            vectors(f"vitb32-labelled/{name}_{part}")
            np.save(folder / f"vitb32-labelled/{name}_{part}_labels.npy", np.arange(ROWS, dtype=np.int16))
    vectors("caltech101-rn50/val", 1024)
    for part in ("image", "text"):
        vectors(f"fashion1126-fashionclip/{part}_embeddings")
        vectors(f"flickr8k100x5-vitb32/{part}_embeddings", rows=30)
    vectors("unsplash2001-vitb16/image_embeddings")
    write(folder, "unsplash2001-vitb16/photo_ids.txt", [f"u{i}" for i in range(ROWS)])
    write(folder, "fashion1126-fashionclip/rows.csv", ["id,description", *(f'{i},"A dress, {i}"' for i in range(ROWS))])
    pictures = [f"shared{i}.jpg,{j}" for i in range(6) for j in range(5)]
    write(folder, "flickr8k100x5-vitb32/rows.csv", ["image,caption_index_in_captions_csv", *pictures])

    def here(path: str) -> Path | None:
        found = folder / path.removeprefix("clip-vectors/")
        return found if found.is_file() else None

    monkeypatch.setattr(clip_vectors, "_here", here)
    tree = folder / "tree.txt"
    wnids = json.loads((Path(clip_vectors.__file__).parents[1] / "vectors/labels-vitb32/joins.json").read_text())
    leaves = "".join(f"g{i % 3} {wnid}\n" for i, wnid in enumerate(wnids["imagenet"][:ROWS]))
    tree.write_text("top entity\nentity realm\n" + "".join(f"realm g{i}\n" for i in range(3)) + leaves)
    monkeypatch.setattr("lib.worlds.imagenet_b32.locate", lambda dataset, path: tree)
    photos = np.array(["shared0.jpg", *(f"own{i}.jpg" for i in range(ROWS - 1))])
    monkeypatch.setattr("lib.worlds.flickr_b32.photo_vectors", lambda split: Photos(photos))
    unit = rng.standard_normal((ROWS, 512)).astype(np.float32)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    monkeypatch.setattr("lib.worlds.flickr_b32.flickr1k", lambda: (unit, {"made": "for a test"}))
    return folder


def write(folder: Path, name: str, lines: list[str]) -> None:
    """Write a text of lines."""
    (folder / name).write_text("\n".join(lines) + "\n")


class Photos:
    """The ids of a split, in place of the shipped vectors of photographs."""

    def __init__(self, ids: np.ndarray) -> None:
        self.ids = ids
