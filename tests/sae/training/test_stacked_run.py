"""Trainings that make their steps together give what each gives alone, and go on from checkpoints to the same bits."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch

import lib.sae.training.stacked_run as module
from lib.encoders.embeddings import Embeddings
from lib.sae.config import PairedConfig, SAEConfig, TrainConfig, TwoTowerConfig
from lib.sae.recipes import RECIPES, recipes_of
from lib.sae.training.stacked_run import STACKABLE, StackedRun, train_stacked
from lib.sae.training.train import Trained, TrainingRun, train
from tests.sae.reference import PAIR, toy

RECIPES_TOGETHER = [*STACKABLE, *recipes_of("two-tower", "paired")]
SEEDS = range(5)


def config(recipe: str, seed: int, **changes: object) -> TrainConfig:
    if RECIPES[recipe].kind == "paired":
        sae: SAEConfig = PairedConfig(recipe, 48, k=3, penalty=0.1, mask=0.2)
    elif RECIPES[recipe].kind == "two-tower":
        sae = TwoTowerConfig(recipe, 48, k=3, l1=1e-3)
    else:
        sae = SAEConfig(recipe, 48, k=3)
    settings = {"steps": 30, "batch": 64, "lr": 5e-3, "dead_after": 320, "log_every": 7, "seed": seed}
    return TrainConfig(sae, **{**settings, **changes})


def rows(seed: int) -> Embeddings:
    """Rows of one shape that each seed has for itself."""
    return toy(300, seed=seed)


def start(recipe: str, **changes: object) -> list[TrainingRun]:
    tower = "image" if RECIPES[recipe].kind == "one-tower" else PAIR
    return [TrainingRun(config(recipe, seed, **changes), rows(seed), tower, "cpu") for seed in SEEDS]


def alone(recipe: str, **changes: object) -> list[Trained]:
    tower = "image" if RECIPES[recipe].kind == "one-tower" else PAIR
    return [train(config(recipe, seed, **changes), rows(seed), tower) for seed in SEEDS]


def folders(tmp_path: Path) -> list[Path]:
    found = [tmp_path / str(seed) for seed in SEEDS]
    for folder in found:
        folder.mkdir(parents=True, exist_ok=True)
    return found


@pytest.mark.parametrize("recipe", RECIPES_TOGETHER)
def test_five_together_are_five_alone(recipe: str, tmp_path: Path) -> None:
    runs = start(recipe)
    train_stacked(runs, folders(tmp_path))
    for run, single in zip(runs, alone(recipe), strict=True):
        mine = run.result()
        expected = single.sae.state_dict()
        for name, tensor in mine.sae.state_dict().items():
            torch.testing.assert_close(
                tensor, expected[name], atol=1e-5, rtol=1e-4, msg=lambda m, name=name: f"{name}: {m}"
            )
        pd.testing.assert_frame_equal(mine.history, single.history, rtol=1e-4)


@pytest.mark.parametrize("recipe", ["topk", "batch_topk"])
def test_each_has_its_own_dead_latents(recipe: str) -> None:
    """A latent that is dead in one training learns from AuxK there, and nowhere else."""
    together, single = start(recipe, dead_after=64), start(recipe, dead_after=64)
    for runs in (together, single):
        with torch.no_grad():
            for seed, run in enumerate(runs):
                run.sae.get_parameter("b_enc")[8 * seed : 8 * seed + 8] = -0.6
    stack = StackedRun(together)
    for _ in range(25):
        stack.advance()
        for run in single:
            run.advance()
    assert len({tuple(run.dead.tolist()) for run in single}) == 5
    for one, other in zip(together, single, strict=True):
        assert torch.equal(one.dead, other.dead) and torch.equal(one.silent, other.silent)
        torch.testing.assert_close(one.sae.W_dec, other.sae.W_dec, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("recipe", RECIPES_TOGETHER)
def test_a_stopped_stack_goes_on_to_the_same_bits(recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = start(recipe)
    train_stacked(whole, folders(tmp_path))
    advance = StackedRun.advance

    def stop_at_25(stack: StackedRun, watch: bool = False) -> object:
        if stack.runs[0].step == 25:
            raise KeyboardInterrupt
        return advance(stack, watch)

    monkeypatch.setattr(module.StackedRun, "advance", stop_at_25)
    with pytest.raises(KeyboardInterrupt):
        train_stacked(start(recipe), folders(tmp_path / "again"), checkpoint_every=10)
    monkeypatch.setattr(module.StackedRun, "advance", advance)
    again = start(recipe)
    for run, folder in zip(again, folders(tmp_path / "again"), strict=True):
        run.restore(folder)
        assert run.step == 20
    train_stacked(again, folders(tmp_path / "again"), checkpoint_every=10)
    for one, other in zip(whole, again, strict=True):
        expected, found = one.result(), other.result()
        for name, tensor in expected.sae.state_dict().items():
            assert torch.equal(tensor, found.sae.state_dict()[name]), name
        pd.testing.assert_frame_equal(expected.history, found.history, check_exact=True)


def test_a_run_of_a_stack_may_go_on_alone(tmp_path: Path) -> None:
    runs = start("topk")
    stack = StackedRun(runs)
    for _ in range(20):
        stack.advance()
    runs[3].save(tmp_path)
    again = start("topk")[3]
    again.restore(tmp_path)
    expected = start("topk")[3]
    for _ in range(20):
        expected.advance()
    for run in (again, expected):
        while run.step < 30:
            run.advance()
    torch.testing.assert_close(again.sae.W_dec, expected.sae.W_dec, atol=1e-5, rtol=1e-4)


def test_steps_in_bfloat16_are_those_of_each_alone() -> None:
    together, single = start("topk", precision="bf16"), start("topk", precision="bf16")
    stack = StackedRun(together)
    for _ in range(5):
        stack.advance()
        for run in single:
            run.advance()
    for one, other in zip(together, single, strict=True):
        torch.testing.assert_close(one.sae.W_dec, other.sae.W_dec, atol=1e-3, rtol=1e-3)
