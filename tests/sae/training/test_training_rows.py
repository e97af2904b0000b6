"""A training reads a store that fits as one random order, and a larger one buffer by buffer, with exact resume."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from lib.base.errors import CompanionError
from lib.encoders.embeddings import Embeddings
from lib.papers.common.dictionaries import measure_blocks
from lib.sae.config import PairedConfig, SAEConfig, TrainConfig, TwoTowerConfig
from lib.sae.training import training_rows as module
from lib.sae.training.train import TrainingRun, run_key, train
from lib.sae.training.training_rows import Rows, training_rows
from lib.sae.training.untrained import untrained
from tests.sae.reference import PAIR, toy

RUNS = {
    "topk": (SAEConfig("topk", 48, k=3), "image"),
    "gsae": (PairedConfig("gsae", 48, k=3, penalty=0.1), PAIR),
    "sae_d": (TwoTowerConfig("sae_d", 48, k=3), PAIR),
}
"""A dictionary of each kind, and its towers."""


def config(sae: SAEConfig, **changes) -> TrainConfig:
    return TrainConfig(**{"sae": sae, "steps": 40, "batch": 64, "dead_after": 640, **changes})


def mapped(embeddings: Embeddings, folder: Path) -> Embeddings:
    """The same embeddings as memory maps of files."""
    for tower in PAIR:
        np.save(folder / f"{tower}.npy", embeddings.tower(tower))
    image, text = (np.load(folder / f"{tower}.npy", mmap_mode="r") for tower in PAIR)
    return replace(embeddings, image=image, text=text)


def assert_same_weights(first: torch.nn.Module, second: torch.nn.Module) -> None:
    other = second.state_dict()
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, other[name]), name


@pytest.fixture
def small_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Buffers of 250 rows of 16 numbers in four blocks each; of pairs, half as many."""
    monkeypatch.setattr(module, "BUFFER", 250 * 16 * 4)
    monkeypatch.setattr(module, "BLOCKS", 4)


def one_order(data: np.ndarray, batch: int, generator: torch.Generator) -> Iterator[np.ndarray]:
    """The plain reading: all rows in a random order, which is drawn anew at every epoch."""
    while True:
        order = torch.randperm(len(data), generator=generator).numpy()
        for start in range(0, len(data) - batch + 1, batch):
            yield data[order[start : start + batch]]


def by_buffers(data: np.ndarray, buffers: int, batch: int, generator: torch.Generator) -> Iterator[np.ndarray]:
    """The plain reading of a large store: the same order from a matrix that is in memory."""
    bounds = np.linspace(0, len(data), 4 * buffers + 1).astype(int)
    blocks = [np.arange(start, stop) for start, stop in pairwise(bounds)]
    full = len(data) // len(blocks) * 4 // batch * batch
    while True:
        chosen = torch.randperm(len(blocks), generator=generator).tolist()
        for buffer in range(buffers):
            numbers = np.concatenate([blocks[block] for block in chosen[4 * buffer : 4 * buffer + 4]])
            numbers = numbers[torch.randperm(len(numbers), generator=generator).numpy()]
            for start in range(0, full, batch):
                yield data[numbers[start : start + batch]]


@pytest.mark.parametrize("tower", ["image", PAIR])
@pytest.mark.parametrize(("n", "batch"), [(130, 64), (128, 64), (5, 5)])
def test_a_store_that_fits_is_one_random_order(tower, n, batch):
    embeddings, generator = toy(n), torch.Generator().manual_seed(1)
    rows, order = Rows(embeddings, tower), torch.zeros(0)
    plain = one_order(training_rows(embeddings, tower), batch, torch.Generator().manual_seed(1))
    for step in range(5):
        order = rows.next_order(order, step, batch, generator)
        np.testing.assert_array_equal(rows.batch(order, step, batch).numpy(), next(plain))


@pytest.mark.parametrize("name", RUNS)
def test_a_mapped_store_trains_to_the_weights_of_one_in_memory(name, tmp_path):
    sae, tower = RUNS[name]
    first, second = (train(config(sae), one, tower) for one in (toy(), mapped(toy(), tmp_path)))
    assert_same_weights(first.sae, second.sae)
    assert first.history.equals(second.history)


@pytest.mark.parametrize("n", [1000, 1001, 1237])
@pytest.mark.parametrize("tower", ["image", PAIR])
def test_a_large_store_is_read_in_the_order_of_its_plain_version(tower, n, small_buffers):
    embeddings = toy(n)
    rows, order, generator = Rows(embeddings, tower), None, torch.Generator().manual_seed(1)
    order = rows.first_order()
    assert rows.buffers == -(-n * (2 if tower == PAIR else 1) // 250)
    plain = by_buffers(training_rows(embeddings, tower), rows.buffers, 32, torch.Generator().manual_seed(1))
    for step in range(2 * rows.buffers * (rows.smallest_buffer // 32)):
        order = rows.next_order(order, step, 32, generator)
        np.testing.assert_array_equal(rows.batch(order, step, 32).numpy(), next(plain))


def test_an_epoch_has_no_row_twice_and_leaves_less_than_a_batch_of_each_buffer_out(small_buffers):
    rows, generator = Rows(toy(1000), "image"), torch.Generator().manual_seed(0)
    order, seen, steps = rows.first_order(), [], rows.buffers * (rows.smallest_buffer // 60)
    for step in range(2 * steps):
        order = rows.next_order(order, step, 60, generator)
        seen.append(rows.batch(order, step, 60))
    for epoch in (seen[:steps], seen[steps:]):
        assert len(torch.cat(epoch).unique(dim=0)) == 60 * steps > 1000 - 4 * (60 + 4)
    assert not torch.equal(seen[0], seen[steps])


def test_memory_holds_one_buffer(small_buffers, tmp_path):
    rows, generator = Rows(mapped(toy(5000), tmp_path), PAIR), torch.Generator().manual_seed(0)
    order = rows.first_order()
    for step in range(30):
        order = rows.next_order(order, step, 60, generator)
        rows.batch(order, step, 60)
        held = rows._held
        assert held is not None and held.numel() * 4 <= module.BUFFER + 4 * 2 * 16 * 4
        assert len(order) < rows.blocks + 130
    assert rows.whole is None


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("stop", [1, 7, 20])
def test_a_killed_run_goes_on_to_the_same_weights(name, stop, small_buffers, tmp_path):
    sae, tower = RUNS[name]
    whole = train(config(sae), toy(1000), tower)
    run = TrainingRun(config(sae), toy(1000), tower, "cpu")
    for _ in range(stop):
        run.advance()
    run.save(tmp_path)
    assert_same_weights(train(config(sae), toy(1000), tower, folder=tmp_path).sae, whole.sae)


def test_a_large_store_teaches_as_much(small_buffers, monkeypatch):
    def fvu() -> float:
        runs = (config(SAEConfig("topk", 48, k=3), steps=400, lr=5e-3, seed=seed) for seed in range(3))
        return np.mean([measure_blocks(train(run, toy(1000)).sae, toy(1000, seed=1))[0].fvu for run in runs])

    streamed = fvu()
    monkeypatch.setattr(module, "BUFFER", 2**30)
    assert streamed < 1.1 * fvu() < 0.25


def test_the_key_of_a_run_says_how_a_large_store_was_read(small_buffers, monkeypatch):
    run = config(TwoTowerConfig("sae_d", 48, k=3))
    large = run_key(run, toy(1000), PAIR)
    monkeypatch.setattr(module, "BUFFER", 2**30)
    small = run_key(run, toy(1000), PAIR)
    assert large == {**small, "buffers": 8, "blocks": 4}


@pytest.mark.parametrize("n", [10, 1000])
def test_norm_is_summed_over_dimensions_and_blocks_do_not_matter(n, small_buffers, monkeypatch):
    rows = Rows(toy(n), PAIR)
    matrix = training_rows(toy(n), PAIR).astype(np.float64)
    each = rows.root_mean_square_norm(lambda part: part.reshape(-1, 16))
    assert each == pytest.approx(np.sqrt((matrix**2).sum() / (2 * n)), rel=1e-12)
    assert rows.root_mean_square_norm(lambda part: part.reshape(-1, 32), batch=3) == pytest.approx(2**0.5 * each)


@pytest.mark.parametrize("n", [0, 3])
def test_zero_data_is_refused(n):
    nothing = Embeddings(np.arange(n).astype(str), np.zeros((n, 4), np.float32), None, "toy", False, {})
    with pytest.raises(CompanionError, match=r"all embeddings are zero \(or there are none\)"):
        Rows(nothing, "image").root_mean_square_norm(lambda part: part)


def test_a_sample_of_a_large_store(small_buffers):
    rows = {tuple(row) for row in toy(1000).image}
    sample = Rows(toy(1000), "image").sample(50, torch.Generator().manual_seed(0))
    assert {tuple(row) for row in sample.numpy()} <= rows and len(sample) == 50


def test_an_untrained_threshold_is_matched_on_a_sample(small_buffers):
    sae = untrained(config(SAEConfig("batch_topk", 48, k=3)), toy(1000))
    assert len(sae.codes(toy(1000)).values) / 1000 == pytest.approx(3, rel=0.05)
