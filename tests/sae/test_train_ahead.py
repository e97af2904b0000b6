"""Training side by side gives what training here gives."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lib.data.errors import CompanionError
from lib.data.files import in_cache
from lib.sae import train_ahead as module
from lib.sae.config import SAEConfig, TrainConfig
from lib.sae.train import KIND, run_key, train, train_cached
from lib.sae.train_ahead import Run, train_ahead
from tests.sae.reference import toy


@pytest.fixture
def threads():
    """Sets how many threads this process may use, for one test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def runs(lr: float | None = None) -> list[Run]:
    return [
        Run(TrainConfig(SAEConfig("topk", 48, k=3), steps=30, batch=64, lr=lr, dead_after=640, seed=seed), toy())
        for seed in range(3)
    ]


def test_weights_are_those_of_training_here(cache: Path, threads) -> None:
    first = runs()[0]
    train_cached(*first)
    threads(2)
    train_ahead(runs())
    threads(1)
    for run in runs():
        assert in_cache(KIND, run_key(*run))
        expected = train(*run).sae.state_dict()
        for name, tensor in train_cached(*run).sae.state_dict().items():
            assert torch.equal(tensor, expected[name]), name


def test_a_failing_run_is_told_in_one_line(cache: Path, threads) -> None:
    threads(2)
    with pytest.raises(CompanionError, match="lower lr"):
        train_ahead(runs(lr=1e30))


def test_one_thread_leaves_the_work_to_the_caller(cache: Path, threads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ProcessPoolExecutor", None)
    threads(1)
    train_ahead(runs())
    assert not any(in_cache(KIND, run_key(*run)) for run in runs())
