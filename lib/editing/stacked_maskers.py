"""Several maskers that make their steps together, as `lib.sae.training.stacked_run` does for dictionaries.

They differ in their seed and in the weights of their dictionaries. Their numbers equal those of training alone up to
rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import torch

from lib.base.files import cache_folder, damage, lock
from lib.base.progress import progress
from lib.editing.masker import ImageSide, Masker, MaskerConfig
from lib.editing.train_masker import (
    MASKER,
    MaskerRun,
    SharedImages,
    adam_of,
    descend,
    masker_key,
    masker_loss,
)
from lib.encoders.embeddings import Embeddings
from lib.sae.base import SAE
from lib.sae.training.shared_state import share_moments, share_weights

MOST_ENTRIES = 2**26
"""Largest number of entries of the pictures' factors in a stack, which holds them a second time: 256 MB. Larger steps
gain little from being made together.
"""


class StackedMaskers:
    """Runs at the same step, with configurations that differ only in their seed, on the same pairs."""

    def __init__(self, runs: Sequence[MaskerRun]) -> None:
        self.runs = runs
        first = runs[0]
        self.masker = Masker(first.config, first.sae.d, first.sae.width)
        share_weights(self.masker, [run.masker for run in runs])
        self.optimiser = adam_of(self.masker)
        share_moments(self.masker, self.optimiser, runs)
        self.images = ImageSide.stack([run.images for run in runs])

    def advance(self) -> None:
        """Make one step of all runs."""
        rows, texts = zip(*(run.next_pairs() for run in self.runs), strict=True)
        every = torch.cat([own + i * len(run.images) for i, (own, run) in enumerate(zip(rows, self.runs, strict=True))])
        losses, densities = masker_loss(self.masker, self.images[every], torch.stack(texts))
        descend(self.masker, self.optimiser, losses, self.runs[0].step)
        for run, loss, density in zip(self.runs, losses.tolist(), densities.tolist(), strict=True):
            run.count(loss, density)


def can_stack(runs: Sequence[MaskerRun]) -> bool:
    """True if two or more runs on a CPU are at the same step, and their images have the same shapes and fit."""
    edited = [run.images.edited for run in runs]
    alike = {(run.step, one.slots.shape, one.atoms.shape) for run, one in zip(runs, edited, strict=True)}
    fit = sum(one.factor.numel() for one in edited) <= MOST_ENTRIES
    return len(runs) > 1 and len(alike) == 1 and fit and edited[0].atoms.device.type == "cpu"


def make_steps(
    tasks: Sequence[tuple[MaskerConfig, SAE]],
    pairs: Sequence[Embeddings],
    dev: Embeddings | None,
    images: Sequence[SharedImages],
    checkpoint_every: int = 500,
) -> None:
    """Make the steps of maskers that differ in seed and dictionary together, if they can be stacked.

    The steps end in checkpoints in the cache, from which `train_masker_cached` makes the results. What another process
    has finished is left out. images: one for each task.
    """
    folders = [cache_folder(MASKER, masker_key(config, sae, pairs, dev)) for config, sae in tasks]
    with ExitStack() as locks:
        for folder in sorted(folders):
            locks.enter_context(lock(folder))
        left = {
            folder: MaskerRun(config, sae, pairs, dev, shared)
            for folder, (config, sae), shared in zip(folders, tasks, images, strict=True)
            if damage(folder) == ""
        }
        for folder, run in left.items():
            folder.mkdir(parents=True, exist_ok=True)
            run.restore(folder)
        if can_stack(runs := list(left.values())):
            _train(StackedMaskers(runs), list(left), checkpoint_every)


def _train(stack: StackedMaskers, folders: Sequence[Path], checkpoint_every: int) -> None:
    first = stack.runs[0]
    bar = progress(total=first.config.steps, initial=first.step, desc=f"{len(folders)} x masker {first.config.edit}")
    while first.step < first.config.steps:
        stack.advance()
        if first.step % checkpoint_every == 0 or first.step == first.config.steps:
            for run, folder in zip(stack.runs, folders, strict=True):
                run.save(folder)
        bar.update()
    bar.close()
