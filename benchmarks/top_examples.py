"""Top-activating rows of every latent and the overlap of all pairs of them: ours compared with the usual ways.

The usual ways are a dense rows x width matrix with its column-wise top-m, and Python sets compared pair by pair, on a
slice of the latents, scaled up by the number of pairs. Each runs in a fresh process, whose peak memory is reported.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from benchmarks.data import random_codes
from benchmarks.isolated import Isolated
from benchmarks.rows import Row, row
from benchmarks.timing import OURS, interleaved
from lib.base.progress import progress
from lib.metrics.top_examples import top_examples
from lib.metrics.uniqueness import uniqueness
from lib.sae.codes import SparseCodes

NAME = "top_examples"
M = 16
FULL: dict[str, Any] = {"n": (5000, 10_000, 20_000, 50_000), "width": 8192, "k": 32, "slice": 1024, "rounds": 3}
QUICK: dict[str, Any] = {"n": (200, 400), "width": 32, "k": 8, "slice": 16, "rounds": 1}


def run(quick: bool) -> list[Row]:
    """Growth with the number of rows; one curve for the lists, one for the overlaps."""
    sizes = QUICK if quick else FULL
    found = []
    for task, (own, usual) in TASKS.items():
        for n in progress(sizes["n"], desc=f"{NAME}, {task}"):
            setting = {"task": task, "n": n, "width": sizes["width"], "k": sizes["k"], "slice": sizes["slice"]}
            runs = {who: Isolated(prepare, setting) for who, prepare in {OURS: own, **usual}.items()}
            turns = {who: partial(whole, who, one, setting) for who, one in runs.items()}
            for who, timing in interleaved(turns.pop(OURS), turns, sizes["rounds"]).items():
                peak = runs[who].peak_mib
                note = f"{sizes['slice']} latents, extended" if who == SETS else ""
                found.append(row(NAME, setting, "n", who, timing, peak_mib=peak, note=note))
    return found


def whole(who: str, run: Isolated, setting: dict[str, Any]) -> float:
    """Seconds of one task for all latents: those of the pairs in the slice grow to those of all pairs."""
    width, part = setting["width"], setting["slice"]
    return run() * (width * (width - 1) / (part * (part - 1)) if who == SETS else 1)


def codes_of(setting: dict[str, Any]) -> SparseCodes:
    """Codes in which some latents fire often and most seldom."""
    return random_codes(setting["n"], setting["width"], setting["k"], seed=0)


def lists(setting: dict[str, Any]) -> Callable[[], Any]:
    """Top rows from sparse codes."""
    return partial(top_examples, codes_of(setting), M)


def dense_lists(setting: dict[str, Any]) -> Callable[[], Any]:
    """Top rows from the dense matrix, which is made on the clock as an encoder would leave it."""
    codes = codes_of(setting)
    return lambda: torch.from_numpy(codes.dense()).topk(M, dim=0)


def overlaps(setting: dict[str, Any]) -> Callable[[], Any]:
    """Jaccard indices of all pairs by one sparse product."""
    return partial(uniqueness, top_examples(codes_of(setting), M))


def set_overlaps(setting: dict[str, Any]) -> Callable[[], Any]:
    """Jaccard indices of the pairs of a slice, set by set."""
    top = top_examples(codes_of(setting), M)
    sets = [set(rows) for rows in top.rows[: setting["slice"]].tolist()]
    return lambda: [len(a & b) / len(a | b) for a, b in itertools.combinations(sets, 2)]


DENSE, SETS = "dense top-m", "Python sets"
TASKS = {"lists": (lists, {DENSE: dense_lists}), "overlaps": (overlaps, {SETS: set_overlaps})}
