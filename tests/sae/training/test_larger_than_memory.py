"""A process normalises, trains on, encodes and scores a store that is larger than the memory it may use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lib.base.files import ROOT

D = 512
"""Numbers in a row of a tower; a row is two kilobytes, and a pair four."""

PROGRAM = """
import json, resource, sys
from pathlib import Path
import numpy as np
import torch
from lib.encoders import row_files
from lib.encoders.embeddings import Embeddings
from lib.metrics.monosemanticity import ScoreSums
from lib.metrics.top_examples import TopExamples
from lib.papers.common.dictionaries import measure_blocks
from lib.sae.code_blocks import code_blocks
from lib.sae.config import PairedConfig, SAEConfig, TrainConfig
from lib.sae.training import training_rows
from lib.sae.training.train import train

folder, room = Path(sys.argv[1]), int(sys.argv[2])
row_files.IN_MEMORY = training_rows.BUFFER = int(sys.argv[3])

def used(field):
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[field].split()[0]) * 1024

torch.ones(64, 64) @ torch.ones(64, 64)  # what torch allocates once
limit = used("VmData") + room
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))  # not the maps of files, which the system may drop
image, text = (np.load(folder / f"{tower}.npy", mmap_mode="r") for tower in ("image", "text"))
ids = row_files.load_ids(folder / "ids.npy")
store = Embeddings(ids, image, text, "synthetic", False, {"synthetic": len(ids)}).unit()
peak = 0
for sae, tower in ((SAEConfig("batch_topk", 1024, 8), "image"), (PairedConfig("gsae", 1024, 8), ("image", "text"))):
    config = TrainConfig(sae, steps=40, batch=2048, log_every=40)
    trained = train(config, store, tower)
    peak = max(peak, used("VmData"))
found, fires = measure_blocks(trained.sae, store)
scores, top = ScoreSums(1024, text.shape[1]), TopExamples(1024)
for rows, codes in code_blocks(trained.sae, store):
    scores.update(codes.csr(), store.text[rows])
    top.update(codes)
    peak = max(peak, used("VmData"))
score = scores.score(2)
told = {"fvu": found.fvu, "live": int(score.live.sum()), "top": int(top.counts.max()), "rows": fires.rows}
print(json.dumps({**told, "peak": peak - limit + room}))
"""

ROOM = 7 * 2**26
"""Bytes, beyond what the imports take: 448 MiB; the program needs about 260."""


def write_store(folder: Path, n: int) -> int:
    """Write the towers of n pairs, rows of a few directions with noise; gives their bytes."""
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((64, D)).astype(np.float32)
    size = 0
    for tower in ("image", "text"):
        matrix = np.lib.format.open_memmap(folder / f"{tower}.npy", "w+", np.float32, (n, D))
        for start in range(0, n, 16_384):
            rows = matrix[start : start + 16_384]
            active = rng.random((len(rows), 64), np.float32) * (rng.random((len(rows), 64), np.float32) < 0.05)
            rows[:] = active @ directions + 0.1
        matrix.flush()
        size += matrix.nbytes
    np.save(folder / "ids.npy", np.arange(n).astype(str))
    return size


def run(folder: Path, buffer: int = 2**26) -> subprocess.CompletedProcess[str]:
    """`PROGRAM` on the store of a folder; buffer: the bytes that it takes for a matrix that fits into memory."""
    command = [sys.executable, "-c", PROGRAM, str(folder), str(ROOM), str(buffer)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COMPANION_CACHE": str(folder / "cache")}
    # Else malloc keeps hundreds of megabytes of what is freed, more in one run than in another. With these two, all
    # threads share one arena, and a block of a megabyte or more goes back to the system when it is freed.
    environment |= {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "1048576"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_pairs(tmp_path: Path) -> None:
    sizes, peaks = [], []
    for n in (60_000, 240_000):
        folder = tmp_path / str(n)
        folder.mkdir()
        sizes.append(write_store(folder, n))
        answer = run(folder)
        assert answer.returncode == 0, answer.stderr
        told = json.loads(answer.stdout.splitlines()[-1])
        assert told["rows"] == n and told["fvu"] < 0.9 and told["live"] > 500 and told["top"] == 16
        peaks.append(told["peak"])
    assert sizes[1] > 2 * ROOM > 2 * max(peaks)
    assert peaks[1] - peaks[0] < (sizes[1] - sizes[0]) / 10  # small blocks stay with malloc
    refused = run(folder, 2**40).stderr  # what holds the store in memory feels the limit
    assert "MemoryError" in refused or "can't allocate memory" in refused
