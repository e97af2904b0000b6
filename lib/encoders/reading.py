"""Turn pictures into batches of pixels, decoded and preprocessed in worker processes ahead of the forward pass."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from lib.base.errors import CompanionError, NotAvailable
from lib.data.formats.audio import Sound
from lib.encoders.encoder import Encoder

FEW = 500
"""For fewer pictures than this, starting workers takes longer than they save."""

SHARED_BYTES = 2**30
"""Free shared memory that workers need, since they pass batches through it; containers often have only 64 MB."""


Media = Sequence[Image.Image] | Sequence[Sound]


class Batch(NamedTuple):
    """The pictures, or sounds, of some rows.

    asked: the rows. rows: those that could be read. pixels: their tensors, stacked; None if there are none. bad: row,
    error and reason of each of the others.
    """

    asked: range
    rows: list[int]
    pixels: torch.Tensor | None
    bad: list[dict[str, Any]]


def read_pixels(media: Media, encoder: Encoder, batches: list[range], workers: int | None) -> Iterator[Batch]:
    """Yield the batches of rows, in order, preprocessed for the encoder; pinned in memory if its device is a GPU.

    workers: processes that read ahead, one thread each; they live until the last batch. None chooses a number.
    """
    if workers is None:
        workers = default_workers(sum(map(len, batches)), encoder.device)
    loader = DataLoader(
        _Pixels(media, encoder),
        batch_size=None,
        sampler=batches,
        num_workers=workers,
        collate_fn=_unchanged,
        pin_memory=encoder.device.startswith("cuda"),
        worker_init_fn=_ignore_interrupt,
        multiprocessing_context="fork" if workers and sys.platform == "linux" else None,
        generator=torch.Generator(),  # it draws a seed, which must not come from the global one
    )
    reader: Any = iter(loader)
    try:
        for batch in reader:
            if isinstance(batch, CompanionError):
                raise batch
            yield batch
    finally:
        if workers:
            reader._shutdown_workers()  # otherwise they wait as long as a traceback keeps the reader


def default_workers(pictures: int, device: str) -> int:
    """Choose no workers for few pictures, off Linux or without shared memory; else some, with a core left to the
    encoder.

    On a CPU few workers keep up with a forward pass; a GPU is faster than many.
    """
    shared_memory = "/dev/shm"  # noqa: S108  # nothing is written there by name; only its free space is read
    if pictures < FEW or sys.platform != "linux" or shutil.disk_usage(shared_memory).free < SHARED_BYTES:
        return 0
    return min(16 if device.startswith("cuda") else 4, len(os.sched_getaffinity(0)) - 1)


def read_medium(media: Media, row: int) -> Image.Image | Sound | dict[str, Any]:
    """Read the decoded picture or sound, or say why it cannot be read."""
    try:
        medium = media[row]
        if not isinstance(medium, Sound):
            medium.load()
    except (NotAvailable, MemoryError):
        raise
    except Exception as error:  # the decoders of PIL raise OSError, ValueError, SyntaxError, struct.error, ...
        return {"row": row, "error": type(error).__name__, "reason": str(error)}
    return medium


@contextmanager
def interruptions(what: str) -> Iterator[None]:
    """Report Ctrl-C and the death of a worker in one line; torch reports a death wherever the program is at that
    moment.
    """
    try:
        yield
    except KeyboardInterrupt:
        line = f"{what}: stopped; finished shards are kept, and the same call continues after them"
        raise KeyboardInterrupt(line) from None
    except RuntimeError as error:
        death = re.search(r"DataLoader worker \(.*?\) ((exited|is killed)[^.]*)", f"{error.__cause__} {error}")
        if death is None:
            raise
        raise CompanionError(
            f"{what}: a process that reads pictures {death[1]}; finished shards are kept, and the same call continues "
            "after them; if it happens again, give it memory (/dev/shm after a bus error) or workers=0"
        ) from None


class _Pixels(Dataset):
    """A dataset of batches, by their rows, for the workers of a DataLoader."""

    def __init__(self, media: Media, encoder: Encoder) -> None:
        self.media, self.preprocess = media, encoder.preprocess

    def __getitem__(self, asked: range) -> Batch | CompanionError:
        rows, pixels, bad = [], [], []
        try:
            for row in asked:
                medium = read_medium(self.media, row)
                if isinstance(medium, dict):
                    bad.append(medium)
                else:
                    rows.append(row)
                    pixels.append(self.preprocess(medium))
        except CompanionError as error:
            return error  # `read_pixels` raises it: a DataLoader would add the worker's traceback to the line
        return Batch(asked, rows, torch.stack(pixels) if pixels else None, bad)


def _unchanged(batch: Any) -> Any:
    return batch


def _ignore_interrupt(_worker: int) -> None:
    """Ignore Ctrl-C, which reaches every process of a terminal; the main process responds and ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
