"""What a piece of work costs, and what the estimates time in its place."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import torch

from lib.encoders.embeddings import Embeddings


class Cost(NamedTuple):
    """Seconds of work, largest number of bytes in memory, and bytes left on disk."""

    seconds: float
    memory: float
    disk: float


def total(costs: Iterable[Cost]) -> Cost:
    """Sum seconds and disk; the work is done one after the other, so the largest memory counts."""
    seconds, memory, disk = zip(*costs, strict=True)
    return Cost(sum(seconds), max(memory), sum(disk))


def timed(work: Callable[[], Any], device: str) -> float:
    """Time the second of two calls, in seconds, since the first one allocates memory."""
    work()
    began = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def random_rows(n: int, d: int) -> Embeddings:
    """Make n pairs of random vectors of d dimensions."""
    image, text = np.random.default_rng(0).standard_normal((2, n, d)).astype(np.float32)
    return Embeddings(np.arange(n).astype(str), image, text, "stand-in", False, {"rows": n, "d": d})
