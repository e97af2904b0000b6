"""The Monosemanticity Score of every latent: the linear form compared with the published double loop over images.

The loop of Pach et al. 2025 (arXiv 2504.02821; their metric script, read and described, not copied) compares every
image with the later ones in blocks of 100: cosines of a block, weights of all latents, two float32 sums. It runs over
all pairs of images on two slices of the latents, and the line through the two extends the seconds to the full width, so
that the fixed part of an iteration is counted once. Ours runs in a fresh process, whose peak memory is reported.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.data import judge, random_codes
from benchmarks.isolated import Isolated
from benchmarks.rows import Row, row
from benchmarks.timing import OURS, Turn, interleaved
from lib.base.progress import progress
from lib.metrics.monosemanticity import monosemanticity

NAME = "monosemanticity"
LOOP = "published loop"
BLOCK = 100
K = 32
"""Active latents a row of the sparse codes."""

FULL: dict[str, Any] = {"width": {"dense": 1024, "sparse": 8192}, "d": 768, "n": (1000, 5000, 10_000, 20_000, 50_000)}
QUICK: dict[str, Any] = {"width": {"dense": 16, "sparse": 64}, "d": 8, "n": (120, 240)}
LOOPED = {True: ((120,), (4, 8)), False: ((1000, 5000), (64, 512))}
"""Image counts at which the loop runs, and its two slices of latents, by `quick`."""


def run(quick: bool) -> list[Row]:
    """Growth with the number of images for dense and sparse activations, and the loop where it is bearable."""
    sizes, (looped, slices) = QUICK if quick else FULL, LOOPED[quick]
    found = []
    for kind, width in sizes["width"].items():
        for n in progress(sizes["n"], desc=f"{NAME}, {kind}"):
            setting = {"activations": kind, "n": n, "width": width, "d": sizes["d"]}
            ours = Isolated(prepare, setting)
            others = {LOOP: partial(published, setting, slices)} if n in looped else {}
            # The loop runs once, so ours, which takes a blink, must not be one lucky or unlucky run.
            timings = interleaved(partial(middle, ours, 5), others, 1) if others else interleaved(ours, {}, 3)
            for who, timing in timings.items():
                peak = ours.peak_mib if who == OURS else None
                note = "" if who == OURS else f"all pairs of images, {slices[0]} and {slices[1]} latents, extended"
                found.append(row(NAME, setting, "n", who, timing, peak_mib=peak, note=note))
    return found


def middle(ours: Turn, times: int) -> float:
    """Median seconds of several turns."""
    return median(ours() for _ in range(times))


def activations(setting: dict[str, Any]) -> Any:
    """A dense (n, width) matrix, or sparse codes."""
    if setting["activations"] == "sparse":
        return random_codes(setting["n"], setting["width"], min(K, setting["width"] // 2), seed=0)
    return np.random.default_rng(0).standard_normal((setting["n"], setting["width"]), dtype=np.float32)


def prepare(setting: dict[str, Any]) -> Callable[[], Any]:
    """The score, ready to run."""
    return partial(monosemanticity, activations(setting), judge(setting["n"], setting["d"], seed=1))


def published(setting: dict[str, Any], slices: tuple[int, int]) -> float:
    """Seconds of the loop at full width, from two slices of latents."""
    made = activations(setting)
    matrix = made.csr()[:, : slices[1]].toarray() if setting["activations"] == "sparse" else made
    vectors = torch.from_numpy(judge(setting["n"], setting["d"], seed=1))
    few, many = (torch.from_numpy(np.ascontiguousarray(matrix[:, :count])) for count in slices)
    seconds = []
    for part in (few, many):
        start = time.perf_counter()
        loop(part, vectors)
        seconds.append(time.perf_counter() - start)
    return extended(seconds[0], seconds[1], slices, setting["width"])


def extended(few: float, many: float, slices: tuple[int, int], width: int) -> float:
    """Seconds at `width` latents on the line through those at two smaller numbers; never less than the larger."""
    slope = (many - few) / (slices[1] - slices[0])
    return many + max(0.0, slope) * (width - slices[1])


def loop(matrix: Tensor, vectors: Tensor) -> Tensor:
    """The score (latents,) of activations (n, latents) under vectors (n, d), pair by pair in float32."""
    low, high = matrix.min(dim=0).values, matrix.max(dim=0).values
    scaled = (matrix - low) / (high - low)
    weighted, total = torch.zeros(matrix.shape[1]), torch.zeros(matrix.shape[1])
    for i in range(len(scaled)):
        for j in range(i + 1, len(scaled), BLOCK):
            later = slice(j, j + BLOCK)
            cosines = torch.nn.functional.cosine_similarity(vectors[i : i + 1], vectors[later])
            weights = scaled[i] * scaled[later]
            weighted += (weights * cosines[:, None]).sum(dim=0)
            total += weights.sum(dim=0)
    return weighted / total
