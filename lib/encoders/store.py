"""The embedding store: pairs embedded once, in shards that survive a kill, kept by the hash of what decides them.

A shard is a run of pairs. `embed_shard` makes one, any number of times, in any order, in any process, with the same
bytes; `embed` makes those that are missing, joins them and gives memory-mapped matrices.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lib.data.errors import CompanionError
from lib.data.files import cache_folder, cache_root, cached, digest, is_done, write_json
from lib.data.pairs import Pairs
from lib.data.progress import progress
from lib.encoders.embeddings import Embeddings, Tower
from lib.encoders.encoder import Encoder
from lib.encoders.hooks import TOKENS, Tokens, encode_layer
from lib.encoders.reading import Batch, interruptions, read_medium, read_pixels

log = logging.getLogger(__name__)

TOWERS: tuple[Tower, ...] = ("image", "text")


@dataclass(frozen=True)
class EmbedSpec:
    """What to embed (see `embed`); `batch`, `shard` and `workers` say how, and leave the numbers as they are."""

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
        """Everything that decides the numbers, as plain JSON."""
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
        """`key` of one shard."""
        return {**self.key, "shard": number, "size": self.shard}

    def shard_rows(self, number: int) -> range:
        """The rows of one shard."""
        return range(number * self.shard, min((number + 1) * self.shard, len(self.pairs)))

    def batches(self, number: int) -> list[range]:
        """The rows of one shard, cut for the forward pass."""
        rows = self.shard_rows(number)
        return [rows[start : start + self.batch] for start in range(0, len(rows), self.batch)]


def embed(
    pairs: Pairs,
    encoder: Encoder,
    *,
    towers: Sequence[Tower] = TOWERS,
    layer: int | None = None,
    tokens: Tokens = "class",
    batch: int = 256,
    shard: int = 4096,
    workers: int | None = None,
    on_bad: Literal["refuse", "skip"] = "refuse",
) -> Embeddings:
    """The embeddings of pairs, from the cache if they are there; a killed run goes on after its last whole shard.

    towers: image rows, rows of each pair's first caption, or both. layer: activations of that block of the image tower
    in place of the final embedding; with tokens="patches" or "all" every token is a row, with id `<pair id>@<token>`.
    batch: pairs in one forward pass. shard: pairs in one unit of work. workers: processes that decode and preprocess
    pictures ahead of the forward pass; 0 does it between the passes, None chooses (`lib.encoders.reading`).
    on_bad: what to do about pictures that cannot be read: refuse (shards without them stay cached), or skip and say so.
    Returns memory-mapped float32 matrices, not normalised; the identity names the pictures that were left out.
    """
    if on_bad not in ("refuse", "skip"):
        raise CompanionError(f"on_bad={on_bad!r}; choose refuse or skip")
    spec = EmbedSpec(pairs, encoder, tuple(towers), layer, tokens, batch, shard, workers)
    folder = _joined(spec, on_bad)
    bad = _bad(folder)
    if bad and on_bad == "refuse":
        raise _refusal(spec, bad)
    if bad:
        log.warning("%s; they are left out", _found(spec, bad))

    def matrix(tower: Tower) -> np.ndarray | None:
        return np.load(folder / f"{tower}.npy", mmap_mode="r") if tower in spec.towers else None

    ids = np.load(folder / "ids.npy")
    identity = {**spec.key, "left_out": [entry["id"] for entry in bad]} if bad else spec.key
    return Embeddings(ids, matrix("image"), matrix("text"), encoder.name, False, identity)


def embed_shard(spec: EmbedSpec, number: int) -> Path:
    """The finished folder of shard `number`: ids.npy, a matrix for each tower, bad.json; made only if it is missing."""
    if number not in range(spec.shards):
        raise CompanionError(f"no shard {number!r}: there are {spec.shards}, 0 to {spec.shards - 1}")
    with interruptions(spec.encoder.name), closing(_read(spec, [number])) as batches:
        return _shard(spec, number, batches)


def _shard(spec: EmbedSpec, number: int, batches: Iterator[Batch]) -> Path:
    return cached(spec.scratch, spec.shard_key(number), lambda folder: _write_shard(spec, number, batches, folder))


def _read(spec: EmbedSpec, numbers: list[int]) -> Generator[Batch]:
    """The batches of some shards, in order; nothing is read before the first is asked for."""
    batches = [batch for number in numbers for batch in spec.batches(number)]
    yield from read_pixels(spec.pairs.media or (), spec.encoder, batches, spec.workers)


def _write_shard(spec: EmbedSpec, number: int, batches: Iterator[Batch], folder: Path) -> dict[str, Any]:
    kept, bad = list(spec.shard_rows(number)), list[dict[str, Any]]()
    if "image" in spec.towers:
        images, kept, bad = _embed_images(spec, number, batches)
        np.save(folder / "image.npy", images.reshape(-1, images.shape[-1]))
    ids = spec.pairs.ids[kept].astype(str)
    if "text" in spec.towers:
        np.save(folder / "text.npy", _embed_texts(spec, kept))
    if spec.layer is not None and spec.tokens != "class":
        ids = np.array([f"{pair}@{token}" for pair in ids for token in range(images.shape[1])], dtype=str)
    np.save(folder / "ids.npy", ids)
    write_json(folder / "bad.json", bad)
    return {"rows": len(ids)}


def _embed_images(
    spec: EmbedSpec, number: int, batches: Iterator[Batch]
) -> tuple[np.ndarray, list[int], list[dict[str, Any]]]:
    """(matrix, numbers of the rows it has, what could not be read)."""
    parts, kept, bad = [], [], []
    title = f"{spec.encoder.name} {number + 1}/{spec.shards}"
    with progress(total=len(spec.shard_rows(number)), desc=title, unit="image", leave=False) as bar:
        for asked in spec.batches(number):
            # Batches before it are of a shard that another process made meanwhile.
            batch = next(batch for batch in batches if batch.asked == asked)
            if batch.pixels is not None:
                if spec.layer is None:
                    vectors = spec.encoder.encode_pixels(batch.pixels)
                else:
                    vectors = encode_layer(spec.encoder, batch.pixels, spec.layer, spec.tokens)
                parts.append(_checked(spec, vectors, batch.rows))
            kept += batch.rows
            bad += [{"id": str(spec.pairs.ids[why["row"]]), **why} for why in batch.bad]
            bar.update(len(asked))
    return np.concatenate(parts) if parts else np.zeros((0, 1), np.float32), kept, bad


def _embed_texts(spec: EmbedSpec, rows: list[int]) -> np.ndarray:
    assert spec.pairs.captions is not None and spec.encoder.encode_texts is not None
    parts = [np.zeros((0, spec.encoder.dim), np.float32)]
    for start in range(0, len(rows), spec.batch):
        numbers = rows[start : start + spec.batch]
        vectors = spec.encoder.encode_texts([spec.pairs.captions[row][0] for row in numbers])
        parts.append(_checked(spec, vectors, numbers))
    return np.concatenate(parts)


def _checked(spec: EmbedSpec, vectors: np.ndarray, rows: list[int]) -> np.ndarray:
    """The vectors as float32 if there is a finite one for each row."""
    if len(vectors) != len(rows) or (spec.layer is None and vectors.shape != (len(rows), spec.encoder.dim)):
        wanted = (len(rows), spec.encoder.dim)
        raise CompanionError(f"{spec.encoder.name} gave vectors of shape {vectors.shape} in place of {wanted}")
    finite = np.isfinite(vectors.reshape(len(rows), -1)).all(axis=1)
    if not finite.all():
        first = str(spec.pairs.ids[rows[int((~finite).argmax())]])
        raise CompanionError(f"{spec.encoder.name}: what it makes of {first!r} holds NaN or infinity; check it")
    return vectors.astype(np.float32, copy=False)


def _joined(spec: EmbedSpec, on_bad: str) -> Path:
    """The finished folder of all shards; one that left out a picture which can be read by now is made anew."""

    def finished() -> Path:
        folder = cached("embeddings", spec.key, lambda folder: _join(spec, folder, on_bad))
        shutil.rmtree(cache_root() / spec.scratch, ignore_errors=True)
        return folder

    folder = finished()
    if any(not isinstance(read_medium(spec.pairs.media or (), entry["row"]), dict) for entry in _bad(folder)):
        shutil.rmtree(folder)
        folder = finished()
    return folder


def _shards(spec: EmbedSpec) -> list[Path]:
    """The finished folders of all shards; the same workers read for all that are missing."""
    missing = [n for n in range(spec.shards) if not is_done(cache_folder(spec.scratch, spec.shard_key(n)))]
    numbers = progress(range(spec.shards), desc=spec.encoder.name, unit="shard")
    with interruptions(spec.encoder.name), closing(_read(spec, missing)) as batches:
        return [_shard(spec, n, batches) if n in missing else embed_shard(spec, n) for n in numbers]


def _join(spec: EmbedSpec, folder: Path, on_bad: str) -> dict[str, Any]:
    """Write the rows of all shards, in order, as one matrix for each tower."""
    shards = _shards(spec)
    bad = [entry for path in shards for entry in _bad(path)]
    ids = np.concatenate([np.load(path / "ids.npy") for path in shards])
    if bad and (on_bad == "refuse" or not len(ids)):
        for path in shards:
            if _bad(path):
                shutil.rmtree(path)  # so that a mended picture is read again
        raise _refusal(spec, bad)
    write_json(folder / "bad.json", bad)
    np.save(folder / "ids.npy", ids)
    for tower in spec.towers:
        parts = [part for path in shards if len(part := np.load(path / f"{tower}.npy", mmap_mode="r"))]
        joined = np.lib.format.open_memmap(folder / f"{tower}.npy", "w+", np.float32, (len(ids), parts[0].shape[1]))
        start = 0
        for part in parts:
            joined[start : start + len(part)] = part
            start += len(part)
        joined.flush()
    return {"rows": len(ids)}


def _bad(folder: Path) -> list[dict[str, Any]]:
    """The pictures that could not be read for a shard or for the whole: id, row, error and reason of each."""
    return json.loads((folder / "bad.json").read_text())


def _found(spec: EmbedSpec, bad: list[dict[str, Any]]) -> str:
    return f"{len(bad)} of {len(spec.pairs)} images cannot be read, first {bad[0]['id']!r} ({bad[0]['error']})"


def _refusal(spec: EmbedSpec, bad: list[dict[str, Any]]) -> CompanionError:
    mend = "check where they come from" if len(bad) == len(spec.pairs) else "mend them or pass on_bad='skip'"
    return CompanionError(f"{_found(spec, bad)}; {mend}")
