"""Two processes of torchrun train what one trains; one that is killed ends the others, and a new start goes on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

import lib.sae.training.train as module
from lib.apps.train_dictionaries import train_dictionaries
from lib.base.errors import CompanionError
from lib.base.files import ROOT
from lib.base.workers import Workers
from lib.papers.common.dictionaries import Recipe
from lib.sae.base import Dictionary
from lib.sae.config import PairedConfig, TwoTowerConfig
from lib.sae.parallel import batch_mean, gather_rows, launched, take_part
from lib.sae.recipes import recipes_of
from lib.sae.storage import load_sae
from lib.sae.training.train import TrainingRun, train
from lib.worlds.profiles import load_profile
from tests.sae.parallel_examples import CHECKPOINT, KILLED_AT, STEPS, config
from tests.sae.reference import toy

TOLERANCE = 1e-5
"""Largest difference of a weight after 100 steps; weights are of the order of 0.1 to 1. Measured: 3e-7."""


def torchrun(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Two processes on this machine."""
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", *command]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(start, cwd=ROOT, env=environment, capture_output=True, text=True)


def largest_difference(first: Dictionary, second: Dictionary) -> float:
    other = second.state_dict()
    return max(float((tensor - other[name]).abs().max()) for name, tensor in first.state_dict().items())


@pytest.mark.slow
def test_two_processes_train_what_one_trains(tmp_path: Path, cache: Path) -> None:
    """One is killed, which ends the other; started again, they go on after the checkpoint to the same bits."""
    folders = [tmp_path / "recipes", tmp_path / "killed"]
    for folder in folders:
        folder.mkdir()
    answer = torchrun("-m", "tests.sae.parallel_examples", "recipes", folders[0])
    assert answer.returncode == 0, answer.stderr
    for recipe in recipes_of("one-tower"):
        alone = train(config(recipe), toy())
        together = load_sae(folders[0] / recipe)
        difference = largest_difference(alone.sae, together)
        print(f"{recipe}: largest difference {difference:.1e}")
        assert difference < TOLERANCE, recipe
        assert largest_difference(load_sae(folders[0] / f"{recipe}-follower"), together) == 0
        history = pd.read_json(folders[0] / recipe / "history.json")
        pd.testing.assert_frame_equal(history, alone.history, rtol=1e-3, atol=1e-3, check_dtype=False)
        assert history["dead"].max() > 0 or recipe in ("relu", "jumprelu"), "AuxK had nothing to do"
    assert len(list(cache.glob("sae/*/done.json"))) == len(recipes_of("one-tower")) + 2
    assert [re.sub(" seed (.).*", r"\1", line) for line in answer.stdout.splitlines()] == [
        f"topk          512 latents  K 8  {seed}" for seed in (0, 1)
    ]
    cut = torchrun("-m", "tests.sae.parallel_examples", "killed", folders[1])
    assert cut.returncode != 0 and "Signal 9 (SIGKILL)" in cut.stderr
    again = torchrun("-m", "tests.sae.parallel_examples", "killed", folders[1])
    assert again.returncode == 0, again.stderr
    assert (folders[1] / "began at").read_text().split() == ["0", str(KILLED_AT // CHECKPOINT * CHECKPOINT)]
    assert largest_difference(load_sae(folders[1]), load_sae(folders[0] / "batch_topk")) == 0


def test_processes_of_torchrun_take_no_other_workers(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib.apps.train_dictionaries.launched", lambda: True)
    sweep = [Recipe("topk", 4, 8)], [0, 1]
    with pytest.raises(CompanionError, match=r"torchrun has its own processes, .*; leave out --jobs and --ray"):
        next(train_dictionaries(load_profile("scenes"), *sweep, Workers(2)))


def test_a_process_alone_gets_back_what_it_gave() -> None:
    rows = torch.randn(8, 3)
    assert not launched()
    assert take_part(rows) is gather_rows(rows) is rows
    assert torch.equal(batch_mean(rows), rows.mean(dim=0))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch": 63}, "a batch of 63 rows cannot be split into 2 equal parts; change their number"),
        (
            {"sae": TwoTowerConfig("sae_s", 48, 3)},
            "sae_s trains in one process; under torchrun train one of: relu, topk, ",
        ),
        ({"sae": PairedConfig("gsae", 48, 3)}, "gsae trains in one process"),
    ],
)
def test_what_has_no_equal_parts_is_refused(changes: dict, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "size", lambda: 2)
    tower = ("image", "text") if "sae" in changes else "image"
    with pytest.raises(CompanionError, match=message):
        TrainingRun(config("topk", steps=STEPS, **changes), toy(), tower, "cpu")
