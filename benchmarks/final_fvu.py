"""Whether speed costs quality: all trainers get the same data and steps, and one function scores held-out rows.

All use the same rates, unit decoder rows at the start, and, where the peer allows it, the same rule for dead latents;
each has its own loss and auxiliary loss. Batches take turns, so the seconds can also be compared. The result is the
median over seeds.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.contender import DENSE, OURS, OURS_BF16, PEERS, Contender, start
from benchmarks.data import superposition
from benchmarks.rows import Row, row
from benchmarks.timing import Timing
from lib.base.progress import progress
from lib.metrics.fidelity import fvu

NAME = "final_fvu"
FULL = {"rows": 20_000, "d": 64, "width": 512, "k": 8, "batch": 512, "steps": 2000}
QUICK = {"rows": 400, "d": 16, "width": 32, "k": 4, "batch": 100, "steps": 4}
SEEDS = (0, 1, 2)
TURN = 50
"""Steps that each trainer makes before the next one's turn."""


def run(quick: bool) -> list[Row]:
    """A row for each contender: seconds of the whole training, FVU on held-out rows."""
    sizes = QUICK if quick else FULL
    seconds: dict[str, list[float]] = {}
    scores: dict[str, list[float]] = {}
    with ExitStack() as stack:
        running, missing = start([OURS, OURS_BF16, DENSE, *PEERS], stack)
        for seed in SEEDS[: 1 if quick else None]:
            for who, (taken, score) in train(running, sizes, seed).items():
                seconds.setdefault(who, []).append(taken)
                scores.setdefault(who, []).append(score)
    found = []
    for who, own in seconds.items():
        timing = Timing(own, [mine / ours for mine, ours in zip(own, seconds[OURS], strict=True)])
        spread = f"FVU {min(scores[who]):.4f} to {max(scores[who]):.4f} over {len(own)} seeds"
        found.append(row(NAME, sizes, "", who, timing, fvu=median(scores[who]), note=spread))
    return found + [Row(NAME, dict(sizes), "", who, note=note) for who, note in missing.items()]


def train(running: dict[str, Contender], sizes: dict[str, int], seed: int) -> dict[str, tuple[float, float]]:
    """Seconds and held-out FVU of every contender, on data and start of one seed."""
    matrix = superposition(sizes["rows"] * 11 // 10, sizes["d"], seed)
    rows, unseen = matrix[: sizes["rows"]], matrix[sizes["rows"] :]
    steps = sizes["steps"]
    shared = {"lr": 1e-3, "warmup": steps // 20, "decay": steps // 5, "dead_after": 3 * sizes["rows"], "seed": seed}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "rows.npy"
        np.save(data, rows)
        for contender in running.values():
            contender.open({**shared, **sizes, "data": str(data)})
    taken = dict.fromkeys(running, 0.0)
    for done in progress(range(0, steps, TURN), desc=f"{NAME}, seed {seed}"):
        for who, contender in running.items():
            taken[who] += sum(contender.step(min(TURN, steps - done)))
    return {who: (taken[who], fvu(unseen, contender.reconstruct(unseen))) for who, contender in running.items()}
