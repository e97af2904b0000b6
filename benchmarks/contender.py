"""A trainer in a separate process, in the environment that it needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any, Self

import numpy as np
import torch

from benchmarks.timing import OURS
from lib.base.errors import CompanionError, NotAvailable
from lib.base.files import ROOT

OURS_BF16, DENSE, BOUND = "ours (bf16)", "dense torch", "bound"
OWN = {OURS: ["ours"], OURS_BF16: ["ours", "bf16"], DENSE: ["dense"], BOUND: ["bound"]}
PEERS = {
    "sae-lens": ["sae_lens"],
    "sae-lens (sparse)": ["sae_lens", "sparse"],
    "dictionary-learning": ["dictionary_learning"],
    "overcomplete": ["overcomplete"],
}
"""Module of `benchmarks.trainers` that each contender runs, and its argument."""

PEERS_PYTHON = ROOT / ".cache" / "bench-peers" / "bin" / "python"
"""`make bench` makes this environment of `benchmarks/peers.txt`."""


class Contender:
    """The process of the trainer `name`; idle between orders, while others take their turn."""

    def __init__(self, name: str) -> None:
        python = Path(sys.executable) if name in OWN else PEERS_PYTHON
        if not python.is_file():
            raise NotAvailable("not installed; `make bench` makes the environment")
        module, *arguments = (OWN | PEERS)[name]
        quiet = {"HF_HUB_OFFLINE": "1", "WANDB_MODE": "disabled", "OMP_NUM_THREADS": str(torch.get_num_threads())}
        self.name = name
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed with the process
        self.process = subprocess.Popen(  # noqa: S603  # a module of this folder, by a Python that we installed
            [python, "-m", f"benchmarks.trainers.{module}", *arguments],
            cwd=ROOT,
            env={**os.environ, **quiet},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )

    def versions(self) -> dict[str, str]:
        """The packages that it uses, which it reports first; an error says why it did not start."""
        try:
            return self._answer()
        except CompanionError as error:
            raise NotAvailable(f"does not start: {error}") from None

    def open(self, setting: Mapping[str, Any]) -> None:
        """Start again at a setting (`benchmarks.trainers.serve.Setting`)."""
        self._order({"open": {**setting, "threads": torch.get_num_threads()}})

    def step(self, steps: int) -> list[float]:
        """Seconds of each of the next steps."""
        return self._order({"steps": steps})

    def turn(self, steps: int) -> float:
        """Median seconds of a step, without the first one, which meets cold caches and sleeping threads."""
        return median(self.step(steps + 1)[1:])

    def reconstruct(self, rows: np.ndarray) -> np.ndarray:
        """Reconstruct rows (n, d) with the dictionary."""
        with tempfile.TemporaryDirectory() as folder:
            given, made = Path(folder) / "rows.npy", Path(folder) / "made.npy"
            np.save(given, rows)
            self._order({"rows": str(given), "to": str(made)})
            return np.load(made)

    def close(self) -> None:
        """End the process."""
        self.process.communicate()
        self.errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _order(self, order: dict[str, Any]) -> Any:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # its last output has the reason
        return self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            last = (self.errors.read().strip().splitlines() or ["no message"])[-1]
            raise CompanionError(f"the trainer {self.name} stopped: {last}")
        return json.loads(line)


def start(names: Sequence[str], stack: ExitStack) -> tuple[dict[str, Contender], dict[str, str]]:
    """The contenders that can run, until the stack closes, and why each of the others cannot."""
    running, missing = {}, {}
    for name in names:
        try:
            running[name] = stack.enter_context(Contender(name))
        except NotAvailable as error:
            missing[name] = str(error)
    for name in list(running):  # they have been starting side by side
        try:
            running[name].versions()
        except NotAvailable as error:
            del running[name]
            missing[name] = str(error)
    return running, missing
