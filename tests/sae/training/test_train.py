import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import lib.sae.training.train as module
from lib.base.errors import CompanionError, NotAvailable
from lib.base.files import ROOT, digest
from lib.encoders.embeddings import Embeddings
from lib.sae.config import PairedConfig, SAEConfig, TrainConfig, TwoTowerConfig
from lib.sae.models.topk import TopK
from lib.sae.recipes import RECIPES, recipes_of
from lib.sae.training import training_rows as reading
from lib.sae.training.checkpoint import FILE
from lib.sae.training.train import learning_rate, run_key, schedule, train, train_cached
from lib.sae.training.training_rows import training_rows
from lib.sae.training.untrained import untrained
from tests.sae.reference import PAIR, THREE, toy


def config(recipe: str = "topk", **changes) -> TrainConfig:
    return TrainConfig(**{"sae": SAEConfig(recipe, 48, k=3), "steps": 40, "batch": 64, "dead_after": 640, **changes})


def assert_same_weights(first, second) -> None:
    other = second.state_dict()
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, other[name]), name


def fvu(sae, embeddings) -> float:
    x = embeddings.image
    return float(((x - sae.reconstruct(sae.codes(embeddings))) ** 2).sum() / ((x - x.mean(axis=0)) ** 2).sum())


@pytest.mark.parametrize("recipe", recipes_of("one-tower"))
def test_training_beats_its_start_on_unseen_rows(recipe):
    run = config(recipe, steps=250, lr=5e-3)
    trained = train(run, toy(), "image").sae
    unseen = toy(seed=1)
    l0 = len(trained.codes(unseen).values) / len(unseen)
    assert fvu(trained, unseen) < min(0.3, 0.6 * fvu(untrained(run, toy()), unseen))
    if recipe != "relu":
        assert l0 == pytest.approx(3, rel=0.25)


@pytest.mark.parametrize("recipe", ["topk", "batch_topk", "relu", "jumprelu"])
def test_scale_of_the_data_does_not_matter(recipe):
    """Folded back, a dictionary of rows 20 times as long has codes 20 times as large."""
    small, large = (train(config(recipe), toy(scale=scale)).sae for scale in (1.0, 16.0))
    torch.testing.assert_close(large.W_dec, small.W_dec, atol=1e-3, rtol=0)
    torch.testing.assert_close(large.b_dec, 16 * small.b_dec, atol=1e-2, rtol=0)


@pytest.mark.parametrize("recipe", recipes_of("one-tower"))
def test_seed_decides_the_weights_and_the_input_stays(recipe):
    embeddings = toy()
    before = embeddings.image.copy()
    first, second = train(config(recipe), embeddings), train(config(recipe), embeddings)
    assert_same_weights(first.sae, second.sae)
    pd.testing.assert_frame_equal(first.history, second.history)
    np.testing.assert_array_equal(embeddings.image, before)
    other = train(config(recipe, seed=1), embeddings)
    assert not torch.equal(first.sae.W_dec, other.sae.W_dec)


@pytest.mark.parametrize("recipe", recipes_of("one-tower"))
def test_history_does_not_change_training(recipe):
    silent, loud = (train(config(recipe, log_every=every), toy()) for every in (0, 1))
    assert_same_weights(silent.sae, loud.sae)
    assert len(silent.history) == 0
    assert loud.history["step"].tolist() == list(range(1, 41))


def test_history_is_a_table_at_fixed_steps():
    history = train(config(log_every=15), toy()).history
    assert history.columns.tolist() == ["step", "loss", "fvu", "l0", "dead"]
    assert history["step"].tolist() == [15, 30, 40]
    assert history["fvu"].is_monotonic_decreasing
    assert (history["l0"] <= 3).all()


def test_threads_hardly_matter():
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(train(config(), toy()).sae)
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(results[0].W_dec, results[1].W_dec, atol=1e-3, rtol=0)


def test_decoder_rows_are_unit_and_everything_is_finite():
    sae = train(config("matryoshka"), toy()).sae
    torch.testing.assert_close(sae.W_dec.norm(dim=1), torch.ones(48))
    assert all(bool(tensor.isfinite().all()) for tensor in sae.state_dict().values())
    assert not sae.training
    assert not sae.bf16


def test_every_epoch_has_its_own_order():
    embeddings = toy(130)
    run = module.TrainingRun(config(batch=64), embeddings, "image", "cpu")
    seen = []
    for _ in range(4):
        seen.append(run.next_batch() * run.scale)
        run.step += 1
    rows = {tuple(np.round(row, 4)) for row in embeddings.image}
    for start in (0, 2):
        epoch = torch.cat(seen[start : start + 2])
        assert len(epoch.unique(dim=0)) == 128
        assert {tuple(np.round(row, 4)) for row in epoch.numpy()} <= rows
    assert not torch.equal(seen[0], seen[2])


@pytest.mark.parametrize("n", [1, 2, 63])
def test_a_batch_larger_than_the_data_is_all_of_it(n):
    trained = train(config(steps=3, log_every=1), toy(n))
    assert np.isfinite(trained.history.to_numpy(dtype=float)).all()


def test_dead_latents_are_counted_and_revived():
    """Latents that start with a bias far below zero are dead at first, and AuxK brings them back."""
    alive = {}
    for name, window in (("aux", 128), ("none", 10**9)):
        run = module.TrainingRun(config(steps=300, lr=5e-3, dead_after=window), toy(), "image", "cpu")
        with torch.no_grad():
            run.sae.b_enc[24:] = -0.6
        fired = torch.zeros(48)
        while run.step < 300:
            _, out = run.advance()
            if run.step == 20 and name == "aux":
                assert len(run.dead) > 15
                assert set(run.dead.tolist()) == set((run.silent >= window).nonzero()[:, 0].tolist())
            fired += out.fired * (run.step > 200)
        alive[name] = int((fired[24:] > 0).sum())
    assert alive["aux"] > alive["none"] + 5


@pytest.mark.parametrize("recipe", recipes_of("one-tower"))
def test_bf16_moves_the_weights_at_every_step_and_learns(recipe):
    run = module.TrainingRun(config(recipe, precision="bf16"), toy(), "image", "cpu")
    losses = []
    for _ in range(40):
        before = {name: parameter.detach().clone() for name, parameter in run.sae.named_parameters()}
        _, out = run.advance()
        losses.append(float(out.loss.detach()))
        for name in ("encoder", "W_dec", "b_enc", "b_dec"):
            parameter = run.sae.get_parameter(name)
            assert parameter.dtype == torch.float32
            assert not torch.equal(parameter, before[name]), name
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:10])


@pytest.mark.parametrize("recipe", recipes_of("one-tower"))
def test_a_stopped_run_goes_on_to_the_same_bits(recipe, tmp_path, monkeypatch):
    whole = train(config(recipe), toy())
    advance = module.TrainingRun.advance

    def stop_at_25(run):
        if run.step == 25:
            raise KeyboardInterrupt
        return advance(run)

    monkeypatch.setattr(module.TrainingRun, "advance", stop_at_25)
    with pytest.raises(KeyboardInterrupt):
        train(config(recipe), toy(), folder=tmp_path, checkpoint_every=7)
    monkeypatch.setattr(module.TrainingRun, "advance", advance)
    again = train(config(recipe), toy(), folder=tmp_path, checkpoint_every=7)
    assert_same_weights(whole.sae, again.sae)
    pd.testing.assert_frame_equal(whole.history, again.history, check_exact=True)


def test_resuming_a_finished_run_makes_no_step(tmp_path, monkeypatch):
    first = train(config(), toy(), folder=tmp_path)
    monkeypatch.setattr(TopK, "loss", lambda *_: pytest.fail("a step was made"))
    again = train(config(), toy(), folder=tmp_path)
    assert_same_weights(first.sae, again.sae)
    pd.testing.assert_frame_equal(first.history, again.history, check_exact=True)


def test_the_checkpoint_of_another_run_is_refused(tmp_path):
    train(config(), toy(), folder=tmp_path)
    with pytest.raises(
        CompanionError, match=r"the checkpoint in .* belongs to another run; give this run its own folder"
    ):
        train(config(seed=1), toy(), folder=tmp_path)


KILLED = """
import sys
from pathlib import Path
from lib.sae.training.train import train
from tests.sae.reference import PAIR, THREE, toy
from tests.sae.training.test_train import config
train(config("batch_topk", steps=100_000), toy(), folder=Path(sys.argv[1]), checkpoint_every=20)
"""


def test_a_killed_run_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    """SIGKILL at any moment; the run then ends at a step beyond, in both."""
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, stderr=subprocess.DEVNULL)
    while not (tmp_path / FILE).exists():
        assert process.poll() is None, "the run ended before its first checkpoint"
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    whole = module.TrainingRun(config("batch_topk", steps=100_000), toy(), "image", "cpu")
    again = module.TrainingRun(config("batch_topk", steps=100_000), toy(), "image", "cpu")
    again.restore(tmp_path)
    assert again.step > 0
    end = again.step + 30
    for run in (whole, again):
        while run.step < end:
            run.advance()
    assert_same_weights(whole.sae, again.sae)
    assert torch.equal(whole.silent, again.silent)


def test_the_cache_trains_once(cache, monkeypatch):
    first = train_cached(config("batch_topk"), toy())
    monkeypatch.setattr(module, "train", lambda *_, **__: pytest.fail("trained again"))
    again = train_cached(config("batch_topk"), toy())
    assert_same_weights(first.sae, again.sae)
    pd.testing.assert_frame_equal(first.history, again.history, check_exact=True)
    (folder,) = (path for path in (cache / "sae").iterdir() if path.is_dir())
    assert sorted(path.name for path in folder.iterdir()) == [
        "done.json",
        "history.json",
        "sae.json",
        "sae.safetensors",
    ]


def test_the_cache_tells_runs_apart(cache):
    runs = [(config(), "image"), (config(seed=1), "image"), (config(), "text")]
    weights = [train_cached(run, toy(), tower).sae.W_dec for run, tower in runs]
    assert not torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert len([path for path in (cache / "sae").iterdir() if path.is_dir()]) == 3


def test_the_cache_takes_up_a_killed_run(cache, monkeypatch):
    whole = train(config(), toy())
    save = module.save_sae

    def dies(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "save_sae", dies)
    with pytest.raises(KeyboardInterrupt):
        train_cached(config(), toy())
    monkeypatch.setattr(module, "save_sae", save)
    monkeypatch.setattr(TopK, "loss", lambda *_: pytest.fail("a step was made again"))
    assert_same_weights(whole.sae, train_cached(config(), toy()).sae)


KEYS = [
    (TrainConfig(SAEConfig("topk", 64)), "image", "d76adae3c274502eab6f688d75f769d0f6a5ff85be8ea4a1b3125ecd1668c11b"),
    (
        TrainConfig(SAEConfig("matryoshka", 64, 4, prefixes=(16, 64)), steps=10, lr=1, precision="bf16"),
        "text",
        "04c5935b57e42b5efd5e4b6e27eed08f03d1d473d851173cd0abdbf14187babb",
    ),
    (
        TrainConfig(TwoTowerConfig("vl_sae", 64, 4, 1e-4), lr=1e-3, decay=0.5),
        PAIR,
        "63cb56d6aeeafd090caa19b3ded78c69209c06ed171593cc556cd7805fc9f28c",
    ),
    (
        TrainConfig(PairedConfig("gsae", 64, penalty=0.1)),
        PAIR,
        "da292c650b67b6677aad070aa1abacf49d4adbd1dc9ab03d466d23b055d6ca8f",
    ),
    (
        TrainConfig(PairedConfig("mgsae", 64, biases=1, mask=0.2, mask_rows="batch"), seed=3, log_every=0),
        PAIR,
        "519ae2a903f63dfc5160322fd26c45d4a6999340178c19e4d1e7e1b591df3174",
    ),
]
"""Trainings of each kind, and the keys under which dictionaries of them are stored."""


@pytest.mark.parametrize(("run", "tower", "key"), KEYS)
def test_stored_dictionaries_are_found(run, tower, key):
    assert digest(run_key(run, toy(), tower)) == key


@pytest.mark.parametrize(
    ("sae", "tower", "message"),
    [
        (SAEConfig("topk", 48), PAIR, r"'topk' is one-tower and .* tower=\('image', 'text'\); give one tower, such as"),
        (
            TwoTowerConfig("vl_sae", 48),
            "image",
            r"'vl_sae' is two-tower and .*'image'; give tower=\('image', 'text'\)",
        ),
        (TwoTowerConfig("sae_d", 48), ("text", "image"), r"give tower=\('image', 'text'\)"),
        (PairedConfig("gsae", 48), "image", r"'gsae' is paired and .* give tower=\('image', 'text'\)"),
        (PairedConfig("gsae", 48, modalities=THREE, biases=1), PAIR, r"give tower=\('image', 'text', 'audio'\)"),
    ],
)
@pytest.mark.parametrize("ask", [train, train_cached, untrained, run_key])
def test_towers_of_another_kind_are_refused(ask, sae, tower, message, cache):
    with pytest.raises(CompanionError, match=message) as error:
        ask(TrainConfig(sae), toy(), tower)
    assert "\n" not in str(error.value)


def test_rows_are_read_once_per_training(monkeypatch):
    asked = []
    monkeypatch.setattr(reading, "training_rows", lambda *of: asked.append(of) or training_rows(*of))
    train(TrainConfig(PairedConfig("gsae", 48, 3), steps=2), toy(), PAIR)
    assert len(asked) == 1


def test_towers_of_different_size_are_named():
    class Uneven:
        encoder = "odd"

        def tower(self, name):
            return np.zeros((2, 3 if name == "image" else 4))

    with pytest.raises(CompanionError, match="odd: a dictionary of pairs needs one dimension, not image 3, text 4"):
        training_rows(Uneven(), PAIR)


def test_learning_rate_rule():
    assert learning_rate(2**14) == pytest.approx(2e-4)
    assert learning_rate(512) == pytest.approx(1.13e-3, rel=0.01)


def test_schedule_rises_stays_and_falls():
    run = config(steps=100, lr=1.0, warmup=0.1, decay=0.2)
    rates = [schedule(step, run) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * (i + 1) for i in range(10)])
    assert rates[10:80] == [1.0] * 70
    assert rates[80:] == pytest.approx([1 - i / 20 for i in range(20)])
    flat = replace(run, warmup=0.0, decay=0.0, lr=None)
    assert {schedule(step, flat) for step in range(100)} == {learning_rate(48)}


def test_no_rows_are_refused():
    with pytest.raises(CompanionError, match="toy: no rows to train on; give at least one"):
        train(config(), toy(0))


def test_a_missing_tower_is_refused():
    alone = Embeddings(np.array(["a"]), np.ones((1, 4), np.float32), None, "toy", False, {})
    with pytest.raises(CompanionError, match="toy has no text embeddings"):
        train(config(), alone, "text")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_gpu_is_told():
    with pytest.raises(NotAvailable, match="device 'cuda' was requested, but torch finds no GPU"):
        train(config(), toy(), device="cuda")


@pytest.mark.parametrize("log_every", [0, 1])
def test_a_run_that_breaks_is_told(log_every):
    def break_at(run) -> None:
        with torch.no_grad():
            run.b_dec.fill_(math.nan)

    class Broken(TopK):
        def after_step(self, out, step, steps):
            super().after_step(out, step, steps)
            break_at(self)

    RECIPES["broken"] = Broken
    try:
        with pytest.raises(CompanionError, match=r"no longer finite|the loss is nan at step 2; lower lr"):
            train(config("broken", steps=3, log_every=log_every), toy())
    finally:
        del RECIPES["broken"]
