"""Training together or in parallel gives the same as training alone in this process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lib.base.errors import CompanionError
from lib.base.files import in_cache
from lib.sae.config import SAEConfig, TrainConfig
from lib.sae.models.topk import TopK
from lib.sae.training import train_ahead as module
from lib.sae.training.train import KIND, run_key, train, train_cached
from lib.sae.training.train_ahead import Run, groups, room, train_ahead
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


def assert_trained(wanted: list[Run]) -> None:
    """The cache has what training alone gives."""
    for run in wanted:
        assert in_cache(KIND, run_key(*run))
        expected = train(*run).sae.state_dict()
        for name, tensor in train_cached(*run).sae.state_dict().items():
            torch.testing.assert_close(tensor, expected[name], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("number", [1, 2])
def test_weights_are_those_of_training_here(cache: Path, threads, number: int) -> None:
    train_cached(*runs()[0])
    threads(number)
    train_ahead(runs())
    threads(1)
    assert_trained(runs())


def test_a_failing_run_is_told_in_one_line(cache: Path, threads) -> None:
    threads(2)
    with pytest.raises(CompanionError, match="lower lr"):
        train_ahead(runs(lr=1e30))


def test_one_thread_leaves_single_runs_to_the_caller(cache: Path, threads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "start_pool", None)
    threads(1)
    train_ahead(runs()[:1])
    assert not in_cache(KIND, run_key(*runs()[0]))


def test_a_killed_group_goes_on_from_its_checkpoints(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save = module.train_cached

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "train_cached", dies)
    monkeypatch.setattr(module.torch, "get_num_threads", lambda: 1)  # so that it is trained in this process
    with pytest.raises(KeyboardInterrupt):
        train_ahead(runs())
    monkeypatch.setattr(module, "train_cached", save)
    monkeypatch.setattr(TopK, "loss", lambda *_: pytest.fail("a step was made again"))
    train_ahead(runs())
    assert all(in_cache(KIND, run_key(*run)) for run in runs())


def sizes(wanted: list[Run], processes: int = 1) -> list[int]:
    return [len(group) for group in groups(wanted, processes)]


def test_neighbours_that_differ_in_their_seed_are_grouped(cache: Path) -> None:
    one, two, three = runs()
    wider = [run._replace(config=replace(run.config, sae=SAEConfig("topk", 64, k=3))) for run in (one, two)]
    assert sizes([one, two, three]) == [3]
    assert sizes([one, two, one]) == [2], "the same training twice"
    assert sizes([one, two, *wider]) == [2, 2]
    assert sizes([one, wider[0], two]) == [1, 1, 1]
    assert sizes([one, two._replace(tower="text"), three._replace(embeddings=toy(seed=4))]) == [3], "rows of one shape"
    assert sizes([one, two._replace(embeddings=toy(500))]) == [1, 1]
    dense = [run._replace(config=replace(run.config, sae=SAEConfig("relu", 48, k=3))) for run in (one, two)]
    assert sizes(dense) == [1, 1]
    train_cached(*two)
    assert sizes([one, two, three]) == [2]


def test_groups_leave_no_process_idle_and_are_not_too_large(cache: Path) -> None:
    first = runs()[0]
    many = [first._replace(config=replace(first.config, seed=seed)) for seed in range(7)]
    assert sizes(many, 2) == [3, 4]
    assert sizes(many[:1], 2) == [1]
    wide = [run._replace(config=replace(run.config, sae=SAEConfig("topk", 2**15, k=3))) for run in many]
    assert room(wide[0]) == 2 and sizes(wide) == [2, 2, 2, 1]


def test_processes_that_train_one_dictionary_are_left_alone(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "size", lambda: 2)
    train_ahead(runs())
    assert not any(in_cache(KIND, run_key(*run)) for run in runs())
