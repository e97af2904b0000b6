"""One shard of the embedding store: what to embed, how its pictures go through the encoder, and its files.

A shard is a run of pairs. It has the same bytes whichever process makes it, in any order. Another batch size, or
another place in a batch, may change the last digit of a vector (by 2e-7, on a CPU).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from lib.base.errors import CompanionError
from lib.base.files import digest, write_json
from lib.base.progress import progress
from lib.data.pairs import Pairs
from lib.encoders.embeddings import Tower
from lib.encoders.encoder import Encoder
from lib.encoders.hooks import TOKENS, Tokens, encode_layers
from lib.encoders.reading import Batch, read_pixels

TOWERS: tuple[Tower, ...] = ("image", "text")


@dataclass(frozen=True)
class EmbedSpec:
    """The description of what to embed (see `embed`); `batch`, `shard` and `workers` change at most the last digit."""

    pairs: Pairs
    encoder: Encoder
    towers: tuple[Tower, ...] = TOWERS
    layer: int | None = None
    tokens: Tokens = "class"
    batch: int = 256
    shard: int = 4096
    workers: int | None = None

    def __post_init__(self) -> None:
        for name, least in (("batch", 1), ("shard", 1), ("workers", 0)):
            value = getattr(self, name)
            if name == "workers" and value is None:
                continue
            if not isinstance(value, int) or value < least:
                raise CompanionError(f"{name}={value!r}; give a whole number of at least {least}")
        if not len(self.pairs):
            raise CompanionError("no pairs to embed; give at least one")
        if not self.towers or set(self.towers) - set(TOWERS):
            raise CompanionError(f"towers={self.towers!r}; choose from {', '.join(TOWERS)}")
        if "image" in self.towers and self.pairs.media is None:
            raise CompanionError("these pairs have no images; pass towers=('text',)")
        if "text" in self.towers and self.pairs.captions is None:
            raise CompanionError("these pairs have no captions; pass towers=('image',)")
        if "text" in self.towers and getattr(self.encoder, "encode_texts", None) is None:
            raise CompanionError(f"{self.encoder.name} has no text tower; pass towers=('image',)")
        if self.tokens not in TOKENS:
            raise CompanionError(f"unknown tokens {self.tokens!r}; choose one of {', '.join(TOKENS)}")
        if self.layer is None and self.tokens != "class":
            raise CompanionError(f"tokens={self.tokens!r} are those of an inner block; give its number as layer=")
        if self.layer is not None and self.towers != ("image",):
            raise CompanionError(f"layer={self.layer} is a block of the image tower; pass towers=('image',)")

    @cached_property
    def key(self) -> dict[str, Any]:
        """Return everything that decides the numbers, as plain JSON."""
        layer = None if self.layer is None else {"block": self.layer, "tokens": self.tokens}
        towers = [tower for tower in TOWERS if tower in self.towers]
        return {"pairs": self.pairs.identity, "encoder": self.encoder.identity, "towers": towers, "layer": layer}

    @property
    def shards(self) -> int:
        """The number of shards."""
        return -(-len(self.pairs) // self.shard)

    @property
    def scratch(self) -> str:
        """The cache folder, relative to its root, that holds the shards until they are joined."""
        return f"shards/{digest(self.key)[:24]}"

    def shard_key(self, number: int) -> dict[str, Any]:
        """The `key` of one shard."""
        return {**self.key, "shard": number, "size": self.shard}

    def shard_rows(self, number: int) -> range:
        """The rows of one shard."""
        return range(number * self.shard, min((number + 1) * self.shard, len(self.pairs)))

    def batches(self, number: int) -> list[range]:
        """The rows of one shard, cut into batches for the forward pass."""
        rows = self.shard_rows(number)
        return [rows[start : start + self.batch] for start in range(0, len(rows), self.batch)]


def read_batches(spec: EmbedSpec, numbers: list[int]) -> Generator[Batch]:
    """Yield the batches of some shards, in order; nothing is read before the first one is needed."""
    batches = [batch for number in numbers for batch in spec.batches(number)]
    yield from read_pixels(spec.pairs.media or (), spec.encoder, batches, spec.workers)


def write_shard(spec: EmbedSpec, number: int, batches: Iterator[Batch], folder: Path) -> dict[str, Any]:
    """Make shard `number` from the batches of its pictures, and write it as `save_shard` does."""
    if "image" not in spec.towers:
        return save_shard(spec, Shard(list(spec.shard_rows(number)), [], {}), folder)
    return save_shard(spec, embed_images([spec], number, batches), folder)


class Shard(NamedTuple):
    """The vectors of a shard's pictures: the rows that could be read, the others with their reasons, and for each layer
    (None: the final embedding) a matrix.
    """

    rows: list[int]
    bad: list[dict[str, Any]]
    vectors: dict[int | None, np.ndarray]


def save_shard(spec: EmbedSpec, read: Shard, folder: Path) -> dict[str, Any]:
    """Write ids.npy, a matrix for each tower and bad.json into a folder; returns the number of rows, for its marker."""
    ids = spec.pairs.ids[read.rows].astype(str)
    if "text" in spec.towers:
        np.save(folder / "text.npy", _embed_texts(spec, read.rows))
    if "image" in spec.towers:
        images = read.vectors[spec.layer]
        np.save(folder / "image.npy", images.reshape(-1, images.shape[-1]))
        if spec.tokens != "class":
            ids = np.array([f"{pair}@{token}" for pair in ids for token in range(images.shape[1])], dtype=str)
    np.save(folder / "ids.npy", ids)
    write_json(folder / "bad.json", read.bad)
    return {"rows": len(ids)}


def embed_images(specs: Sequence[EmbedSpec], number: int, batches: Iterator[Batch]) -> Shard:
    """Run the pictures of a shard through the encoder once, for all specs, which differ only in their layer."""
    spec, kept, bad = specs[0], list[int](), list[dict[str, Any]]()
    parts: dict[int | None, list[np.ndarray]] = {one.layer: [] for one in specs}
    title = f"{spec.encoder.name} {number + 1}/{spec.shards}"
    with progress(total=len(spec.shard_rows(number)), desc=title, unit="image", leave=False) as bar:
        for asked in spec.batches(number):
            # Earlier batches belong to a shard that another process made meanwhile.
            batch = next(batch for batch in batches if batch.asked == asked)
            if batch.pixels is not None:
                for one, vectors in _vectors(specs, batch.pixels):
                    parts[one.layer].append(_checked(one, vectors, batch.rows))
            kept += batch.rows
            bad += [{"id": str(spec.pairs.ids[why["row"]]), **why} for why in batch.bad]
            bar.update(len(asked))
    none = np.zeros((0, 1), np.float32)
    return Shard(kept, bad, {layer: np.concatenate(some) if some else none for layer, some in parts.items()})


def _vectors(specs: Sequence[EmbedSpec], pixels: torch.Tensor) -> Iterator[tuple[EmbedSpec, np.ndarray]]:
    """Yield the vectors that each spec asks for, from one forward pass."""
    encoder, layers = specs[0].encoder, {one.layer: one for one in specs if one.layer is not None}
    if not layers:
        yield specs[0], encoder.encode_pixels(pixels)
    else:
        for layer, vectors in encode_layers(encoder, pixels, list(layers), specs[0].tokens).items():
            yield layers[layer], vectors


def _embed_texts(spec: EmbedSpec, rows: list[int]) -> np.ndarray:
    assert spec.pairs.captions is not None and spec.encoder.encode_texts is not None
    parts = [np.zeros((0, spec.encoder.dim), np.float32)]
    for start in range(0, len(rows), spec.batch):
        numbers = rows[start : start + spec.batch]
        vectors = spec.encoder.encode_texts([spec.pairs.captions[row][0] for row in numbers])
        parts.append(_checked(spec, vectors, numbers))
    return np.concatenate(parts)


def _checked(spec: EmbedSpec, vectors: np.ndarray, rows: list[int]) -> np.ndarray:
    """Return the vectors as float32, after checking that each row has a finite one."""
    if len(vectors) != len(rows) or (spec.layer is None and vectors.shape != (len(rows), spec.encoder.dim)):
        wanted = (len(rows), spec.encoder.dim)
        raise CompanionError(f"{spec.encoder.name} gave vectors of shape {vectors.shape} in place of {wanted}")
    finite = np.isfinite(vectors.reshape(len(rows), -1)).all(axis=1)
    if not finite.all():
        first = str(spec.pairs.ids[rows[int((~finite).argmax())]])
        raise CompanionError(f"{spec.encoder.name}: the vector of {first!r} contains NaN or infinity; check it")
    return vectors.astype(np.float32, copy=False)
