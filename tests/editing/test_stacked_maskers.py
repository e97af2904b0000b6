"""Maskers that make their steps together are those trained alone, up to rounding, and resume to equal weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import lib.editing.stacked_maskers as module
from lib.base.files import in_cache
from lib.editing.masker import MaskerConfig
from lib.editing.stacked_maskers import StackedMaskers, can_stack, make_steps
from lib.editing.train_masker import MASKER, MaskerRun, SharedImages, masker_key, train_masker, train_masker_cached
from lib.sae.base import SAE
from tests.editing.toy import toy

CONFIG = MaskerConfig(steps=40, batch=64, lr=1e-2, sparsity=0.1)
TRAIN, DEV = toy(200), toy(50, seed=2).pairs
PAIRS = [TRAIN.pairs, replace(toy(200, told=1).pairs, image=TRAIN.pairs.image)]

EDITS = {
    "latents": CONFIG,
    "latents and text": replace(CONFIG, text_head=True, rho=1.0),
    "query": replace(CONFIG, edit="query", rho=0.5),
    "constant": replace(CONFIG, edit="constant"),
    "dimensions": replace(CONFIG, edit="dimensions", text_head=True),
    "none": replace(CONFIG, edit="none", text_head=True),
    "leaky": replace(CONFIG, edit="leaky", rho=0.5),
}


def tasks_of(config: MaskerConfig) -> list[tuple[MaskerConfig, SAE]]:
    """The same masker with three seeds, each on a dictionary that is turned in another way."""
    turned = []
    for seed in range(3):
        sae = toy(200).sae
        with torch.no_grad():
            noise = torch.randn(sae.W_dec.shape, generator=torch.Generator().manual_seed(seed))
            sae.W_dec.add_(0.05 * seed * noise)
        turned.append((replace(config, seed=seed), sae))
    return turned


def images_of(tasks: list[tuple[MaskerConfig, SAE]]) -> list[SharedImages]:
    return [SharedImages(sae, PAIRS, DEV) for _, sae in tasks]


def runs_of(tasks: list[tuple[MaskerConfig, SAE]]) -> list[MaskerRun]:
    return [MaskerRun(*task, PAIRS, DEV, images) for task, images in zip(tasks, images_of(tasks), strict=True)]


@pytest.mark.parametrize("edit", EDITS)
def test_together_is_alone_up_to_rounding(cache: Path, edit: str) -> None:
    tasks = tasks_of(EDITS[edit])
    make_steps(tasks, PAIRS, DEV, images_of(tasks))
    losses: set[float] = set()
    for config, sae in tasks:
        together = train_masker_cached(config, sae, PAIRS, DEV)
        alone = train_masker(config, sae, PAIRS, DEV)
        for name, tensor in alone.masker.state_dict().items():
            torch.testing.assert_close(together.masker.state_dict()[name], tensor, atol=1e-4, rtol=1e-3)
        np.testing.assert_allclose(together.history, alone.history, atol=1e-4)
        np.testing.assert_allclose(together.checks.loss, alone.checks.loss, atol=1e-4)
        np.testing.assert_allclose(together.checks.recall, alone.checks.recall, atol=0.011)  # one of 100 queries
        losses.add(float(alone.history.loss.iloc[-1]))
    assert len(losses) == 3, "the seeds are different trainings"


def test_what_was_killed_goes_on_to_equal_weights(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """First together from the last checkpoints; and alone, where only one is left, up to rounding."""
    tasks, whole = tasks_of(EDITS["latents and text"]), StackedMaskers(runs_of(tasks_of(EDITS["latents and text"])))
    for _ in range(CONFIG.steps):
        whole.advance()
    advance = StackedMaskers.advance

    def dies(stack: StackedMaskers) -> None:
        if stack.runs[0].step == 33:
            raise KeyboardInterrupt
        advance(stack)

    monkeypatch.setattr(StackedMaskers, "advance", dies)
    with pytest.raises(KeyboardInterrupt):
        make_steps(tasks, PAIRS, DEV, images_of(tasks), checkpoint_every=10)
    made: list[int] = []
    monkeypatch.setattr(StackedMaskers, "advance", lambda stack: (made.append(stack.runs[0].step), advance(stack))[1])
    make_steps(tasks, PAIRS, DEV, images_of(tasks), checkpoint_every=10)
    assert made == list(range(30, 40))
    for run, (config, sae) in zip(whole.runs, tasks, strict=True):
        run.keep_best()
        resumed = train_masker_cached(config, sae, PAIRS, DEV).masker.state_dict()
        for name, tensor in run.masker.state_dict().items():
            assert torch.equal(tensor, resumed[name]), name


def test_what_cannot_be_stacked_is_left_to_train_alone(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_stack(runs_of(tasks_of(CONFIG)))
    assert not can_stack(runs_of(tasks_of(CONFIG))[:1])
    ahead = runs_of(tasks_of(CONFIG))
    ahead[0].advance()
    assert not can_stack(ahead), "other steps"
    monkeypatch.setattr(module, "MOST_ENTRIES", 1000)
    assert not can_stack(runs_of(tasks_of(CONFIG))), "too large"
    monkeypatch.setattr(module, "StackedMaskers", None)
    tasks = tasks_of(CONFIG)[:1]
    make_steps(tasks, PAIRS, DEV, images_of(tasks))
    config, sae = tasks[0]
    assert not in_cache(MASKER, masker_key(config, sae, PAIRS, DEV))
