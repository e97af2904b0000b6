"""Several trainings that make their steps together, as one dictionary whose parameters hold all of theirs.

The overhead of a small step's sixty operations costs more than its products. Trainings of one recipe that differ in
their seed, or in rows of the same shape, share the operations here: every parameter has a leading dimension of
trainings, and sparse products are of block-diagonal matrices. Each training keeps its own order of rows, generator,
history and checkpoint, from which it may continue alone; its numbers equal those of training alone up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from lib.base.progress import progress
from lib.sae.base import Step
from lib.sae.models.mgsae import MGSAE
from lib.sae.recipes import build
from lib.sae.training.shared_state import share_moments, share_weights
from lib.sae.training.train import TrainingRun, descend

STACKABLE = ("topk", "batch_topk", "matryoshka")
"""One-tower recipes whose steps may be made together; all recipes of the other kinds can."""


class StackedRun:
    """Runs at the same step, on rows of the same shape, with configurations that differ only in their seed.

    The weights and moments of the runs become parts of the stack's, so that they are always those of the last step.
    """

    def __init__(self, runs: Sequence[TrainingRun]) -> None:
        self.runs = runs
        self.sae = build(runs[0].config.sae, runs[0].sae.d).to(runs[0].sae.W_dec.device).train()
        self.sae.bf16 = runs[0].sae.bf16
        if isinstance(self.sae, MGSAE):
            self.sae.generators = tuple(run.generator for run in runs)
        share_weights(self.sae, [run.sae for run in runs])
        self.optimiser = torch.optim.Adam(self.sae.parameters(), betas=(0.9, 0.999), fused=True)
        share_moments(self.sae, self.optimiser, runs)

    def advance(self, watch: bool = False) -> list[tuple[Tensor, Step]]:
        """Make one step of all runs. watch: return each run's batch and step, as `TrainingRun.advance` does."""
        first, batches = self.runs[0], [run.next_batch() for run in self.runs]
        seen = [(x, _look(run, x)) for run, x in zip(self.runs, batches, strict=True)] if watch else []
        dead = torch.cat([run.dead + i * first.config.sae.width for i, run in enumerate(self.runs)])
        out = self.sae.loss(torch.cat(batches), dead)
        out = descend(self.sae, self.optimiser, out, first.step, first.config)
        for run, fired in zip(self.runs, out.fired.view(len(self.runs), -1), strict=True):
            run.count(fired)
        return seen


def _look(run: TrainingRun, x: Tensor) -> Step:
    """Compute a run's step on a batch for the history; the run's generator keeps its state."""
    state = run.generator.get_state()
    with torch.no_grad():
        out = run.sae.loss(x, run.dead)
    run.generator.set_state(state)
    return out


def train_stacked(runs: Sequence[TrainingRun], folders: Sequence[Path], checkpoint_every: int = 500) -> None:
    """Make all steps of runs that continue from the same step, each with its checkpoints in its own folder."""
    stack, config = StackedRun(runs), runs[0].config
    bar = progress(
        total=config.steps, initial=runs[0].step, desc=f"{len(runs)} x {config.sae.recipe} {config.sae.width}"
    )
    while runs[0].step < config.steps:
        step = runs[0].step + 1
        last = step == config.steps
        watch = bool(config.log_every) and (step % config.log_every == 0 or last)
        for run, seen in zip(runs, stack.advance(watch), strict=False):
            run.log(*seen)
        if step % checkpoint_every == 0 or last:
            for run, folder in zip(runs, folders, strict=True):
                run.save(folder)
        bar.update()
    bar.close()
