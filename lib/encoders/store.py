"""The embedding store: it embeds pairs once, in shards that survive a kill, and finds them by the hash of their key.

A shard is a run of pairs. `embed_shard` makes one with the same bytes, however often, in any order, in any process;
`embed` makes those that are missing, joins them and returns memory-mapped matrices.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lib.base.errors import CompanionError
from lib.base.files import cache_folder, cache_root, cached, is_done, write_json
from lib.base.progress import progress
from lib.base.workers import HERE, Workers, refuse
from lib.data.pairs import Pairs
from lib.encoders.embeddings import Embeddings, Tower
from lib.encoders.encoder import Encoder
from lib.encoders.hooks import Tokens
from lib.encoders.reading import Batch, interruptions, read_medium
from lib.encoders.row_files import load_ids, save_rows
from lib.encoders.shards import TOWERS, EmbedSpec, embed_images, read_batches, save_shard, write_shard

log = logging.getLogger(__name__)

_workers: ContextVar[Workers] = ContextVar("workers")


@contextmanager
def shards_by(workers: Workers) -> Iterator[None]:
    """Let these workers make the shards of `embed` and `embed_layers` within the block.

    This is not an argument of those functions because worlds call them, and worlds should not care who makes the
    shards.
    """
    token = _workers.set(workers)
    try:
        yield
    finally:
        _workers.reset(token)


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
    """Return the embeddings of pairs, from the cache if they are there; a killed run continues after its last shard.

    towers: image rows, rows of each pair's first caption, or both. layer: activations of that block of the image tower
    in place of the final embedding; with tokens="patches" or "all" every token is a row, with id `<pair id>@<token>`.
    batch: pairs in one forward pass. shard: pairs in one unit of work. workers: processes that decode and preprocess
    pictures ahead of the forward pass; 0 does it between the passes, None chooses (`lib.encoders.reading`).
    on_bad: what to do about pictures that cannot be read: refuse (shards without them stay cached), or skip and say so.
    Returns memory-mapped float32 matrices, not normalised; the identity lists the pictures that were left out.

    Examples
    --------
    >>> from lib.data.scenes import scenes
    >>> from lib.encoders.clip import load_clip
    >>> embeddings = embed(scenes("test", 4), load_clip("scenes-clip"), workers=0)
    >>> embeddings.image.shape, embeddings.text.shape, embeddings.normalised
    ((4, 128), (4, 128), False)
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

    ids = load_ids(folder / "ids.npy")
    identity = {**spec.key, "left_out": [entry["id"] for entry in bad]} if bad else spec.key
    return Embeddings(ids, matrix("image"), matrix("text"), encoder.name, False, identity)


def embed_layers(
    pairs: Pairs, encoder: Encoder, layers: Sequence[int], *, tokens: Tokens = "class", shard: int = 4096
) -> dict[int, Embeddings]:
    """Embed several blocks of the image tower in one pass, and keep each as if `embed` had made it alone."""
    specs = [EmbedSpec(pairs, encoder, ("image",), layer, tokens, shard=shard) for layer in layers]
    lacking = [spec for spec in specs if not is_done(cache_folder("embeddings", spec.key))]
    if len(lacking) > 1:
        _each_shard(_shards_in_one_pass, lacking, range(lacking[0].shards))
    one = {"towers": ("image",), "tokens": tokens, "shard": shard}
    return {layer: embed(pairs, encoder, layer=layer, **one) for layer in layers}  # type: ignore[arg-type]


def _each_shard(make: Callable[[list[EmbedSpec], int], Any], specs: list[EmbedSpec], numbers: Sequence[int]) -> None:
    """Make shards with the workers in use; on a CPU these read their own pictures, as there is one for each core."""
    workers, encoder = _workers.get(HERE), specs[0].encoder
    gpu = encoder.device.startswith("cuda")
    if not (gpu or workers.here(numbers)):
        specs = [replace(spec, workers=0) for spec in specs]
    with interruptions(encoder.name):
        made = workers.each(
            partial(make, specs), numbers, gpu=gpu, lost=lambda number: refuse(f"{encoder.name}, shard {number}")
        )
        for _ in progress(made, total=len(numbers), desc=encoder.name, unit="shard"):
            pass


def _shards_in_one_pass(specs: list[EmbedSpec], number: int) -> None:
    """Make shard `number` of every spec that lacks it."""
    todo = [spec for spec in specs if not is_done(cache_folder(spec.scratch, spec.shard_key(number)))]
    if todo:
        with closing(read_batches(todo[0], [number])) as batches:
            read = embed_images(todo, number, batches)
        for spec in todo:
            cached(spec.scratch, spec.shard_key(number), partial(save_shard, spec, read))


def embed_shard(spec: EmbedSpec, number: int) -> Path:
    """Return the finished folder of shard `number` (ids.npy, a matrix per tower, bad.json); made only if missing."""
    if number not in range(spec.shards):
        raise CompanionError(f"no shard {number!r}: there are {spec.shards}, 0 to {spec.shards - 1}")
    with interruptions(spec.encoder.name), closing(read_batches(spec, [number])) as batches:
        return _shard(spec, number, batches)


def _one_shard(specs: list[EmbedSpec], number: int) -> None:
    embed_shard(specs[0], number)


def _shard(spec: EmbedSpec, number: int, batches: Iterator[Batch]) -> Path:
    return cached(spec.scratch, spec.shard_key(number), lambda folder: write_shard(spec, number, batches, folder))


def _joined(spec: EmbedSpec, on_bad: str) -> Path:
    """Return the finished folder of all shards; it is made again if a picture that was left out can now be read."""

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
    """Return the finished folders of all shards; in one process, the same reading workers serve all missing shards."""
    missing = [n for n in range(spec.shards) if not is_done(cache_folder(spec.scratch, spec.shard_key(n)))]
    if not _workers.get(HERE).here(missing):
        _each_shard(_one_shard, [spec], missing)
        missing = []
    numbers = progress(range(spec.shards), desc=spec.encoder.name, unit="shard")
    with interruptions(spec.encoder.name), closing(read_batches(spec, missing)) as batches:
        return [_shard(spec, n, batches) if n in missing else embed_shard(spec, n) for n in numbers]


def _join(spec: EmbedSpec, folder: Path, on_bad: str) -> dict[str, Any]:
    """Write the rows of all shards, in order, as one matrix for each tower."""
    shards = _shards(spec)
    bad = [entry for path in shards for entry in _bad(path)]
    ids = np.concatenate([np.load(path / "ids.npy") for path in shards])
    if bad and (on_bad == "refuse" or not len(ids)):
        for path in shards:
            if _bad(path):
                shutil.rmtree(path)  # so that a repaired picture is read again
        raise _refusal(spec, bad)
    write_json(folder / "bad.json", bad)
    np.save(folder / "ids.npy", ids)
    for tower in spec.towers:
        parts = [part for path in shards if len(part := np.load(path / f"{tower}.npy", mmap_mode="r"))]
        save_rows(folder / f"{tower}.npy", parts, (sum(map(len, parts)), parts[0].shape[1]))
    return {"rows": len(ids)}


def _bad(folder: Path) -> list[dict[str, Any]]:
    """List the pictures that could not be read for a shard or for the whole: id, row, error and reason of each."""
    return json.loads((folder / "bad.json").read_text())


def _found(spec: EmbedSpec, bad: list[dict[str, Any]]) -> str:
    first, why = bad[0]["id"], bad[0]["reason"].removeprefix(f"{bad[0]['id']}: ")
    return f"{len(bad)} of {len(spec.pairs)} images cannot be read, first {first!r} ({why})"


def _refusal(spec: EmbedSpec, bad: list[dict[str, Any]]) -> CompanionError:
    remedy = "check where they come from" if len(bad) == len(spec.pairs) else "fix or remove them, or set on_bad=skip"
    return CompanionError(f"{_found(spec, bad)}; {remedy}")
