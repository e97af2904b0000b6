"""Train one dictionary on the embeddings of one tower or several, bit-exact even when killed and resumed."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pandas as pd
import torch
from torch import Tensor

from lib.base.errors import CompanionError, NotAvailable
from lib.base.files import cache_folder, cached, digest, write_json
from lib.base.progress import progress
from lib.encoders.embeddings import Embeddings
from lib.sae.base import Dictionary, Step
from lib.sae.config import SAEConfig, TrainConfig
from lib.sae.models.two_towers import TOWERS
from lib.sae.parallel import broadcast_flag, first, gather_rows, is_minimum, merge_step, size
from lib.sae.recipes import build, recipe_of, recipes_of
from lib.sae.storage import load_sae, save_sae
from lib.sae.training.checkpoint import FILE, Resumable
from lib.sae.training.training_rows import Rows, Towers, reading_key

VERSION = 3
"""Increases when the same configuration no longer trains to the same weights."""

KIND = "sae"
"""The kind of cache folder that holds trained dictionaries."""

DEAD_EVERY = 10
"""Steps between two checks for dead latents; each check waits for the device."""

MEDIAN_ROWS = 4096
"""Number of random rows whose geometric median is the pre-bias (the released code takes the first batch)."""

COLUMNS = ["step", "loss", "fvu", "l0", "dead"]


@dataclass(frozen=True)
class Trained:
    """The result of a training."""

    sae: Dictionary
    """The dictionary for raw inputs, in evaluation mode."""
    history: pd.DataFrame
    """Values on training batches: step, loss, fvu, l0, dead (a count)."""


def learning_rate(width: int) -> float:
    """Return 2e-4 / sqrt(width / 2^14) (Gao et al. 2024; Pach et al. 2025 print five times this, but use this)."""
    return 2e-4 / math.sqrt(width / 2**14)


def schedule(step: int, config: TrainConfig) -> float:
    """Return the learning rate of a step: linear warm-up, constant, linear decay to zero over the last fraction."""
    peak = learning_rate(config.sae.width) if config.lr is None else config.lr
    up = min(1.0, (step + 1) / max(1.0, config.warmup * config.steps))
    down = min(1.0, (config.steps - step) / max(1.0, config.decay * config.steps))
    return peak * up * down


def run_key(config: TrainConfig, embeddings: Embeddings, tower: Towers) -> dict[str, Any]:
    """Return everything that decides the weights, as plain JSON; refuse towers that the recipe does not read."""
    check_towers(config.sae, tower)
    read = reading_key(embeddings, tower)
    return {"config": config.plain(), "embeddings": embeddings.identity, "tower": tower, "version": VERSION, **read}


def check_towers(config: SAEConfig, tower: Towers) -> None:
    """Refuse towers that a recipe of this kind does not read."""
    kind = recipe_of(config).kind
    wanted = {"one-tower": (), "two-tower": TOWERS, "paired": getattr(config, "modalities", ())}[kind]
    if (tower if isinstance(tower, tuple) else ()) != wanted:
        remedy = f"tower={wanted}" if wanted else "one tower, such as 'image'"
        raise CompanionError(f"{config.recipe!r} is {kind} and does not train on tower={tower!r}; give {remedy}")


class Start(NamedTuple):
    """The state of a training before its first step."""

    sae: Dictionary
    """The dictionary for data divided by `scale`."""
    rows: Rows
    """The rows that it reads, not divided."""
    scale: float
    """Root mean square norm of the rows, divided by the norm with which the recipe trains."""
    generator: torch.Generator
    """The source of everything random in the run."""


def start(config: TrainConfig, embeddings: Embeddings, tower: Towers, device: str = "cpu") -> Start:
    """Prepare the rows on a device, and the initial dictionary of a training."""
    check_towers(config.sae, tower)
    rows = Rows(embeddings, tower, device)
    generator = torch.Generator().manual_seed(config.seed)
    sae = build(config.sae, rows.d)
    scale = rows.root_mean_square_norm(sae.as_rows) / sae.norm
    sae.initialise(rows.sample(MEDIAN_ROWS, generator) / scale, generator)
    return Start(sae, rows, scale, generator)


def train(
    config: TrainConfig,
    embeddings: Embeddings,
    tower: Towers = "image",
    *,
    folder: Path | None = None,
    checkpoint_every: int = 500,
    device: str = "cpu",
) -> Trained:
    """Train a dictionary.

    With a `folder`, the state is saved there every `checkpoint_every` steps and at the end, and a run continues from
    the state that it finds. Neither saving nor the history changes the weights. A loss that is no longer finite is an
    error.

    Examples
    --------
    >>> import numpy as np
    >>> from lib.sae.config import SAEConfig
    >>> rows = np.random.default_rng(0).standard_normal((64, 8)).astype(np.float32)
    >>> embeddings = Embeddings(np.arange(64).astype(str), rows, None, "by hand", False, {"rows": "normal"})
    >>> trained = train(TrainConfig(SAEConfig("topk", width=16, k=2), steps=20, batch=32), embeddings)
    >>> codes = trained.sae.codes(embeddings)
    >>> len(codes), codes.width, int(np.diff(codes.indptr).max())
    (64, 16, 2)
    """
    run = TrainingRun(config, embeddings, tower, device)
    if folder is not None:
        run.restore(folder)
    if not is_minimum(run.step):
        raise CompanionError(
            "the processes of one training found different checkpoints; they must share COMPANION_CACHE"
        )
    bar = progress(total=config.steps, initial=run.step, desc=f"{config.sae.recipe} {config.sae.width}")
    while run.step < config.steps:
        x, out = run.advance()
        last = run.step == config.steps
        if config.log_every and (run.step % config.log_every == 0 or last):
            run.log(x, out)
            bar.set_postfix(fvu=f"{run.history[-1][2]:.3f}", l0=f"{run.history[-1][3]:.1f}")
        if folder is not None and (run.step % checkpoint_every == 0 or last):
            run.save(folder)
        bar.update()
    bar.close()
    return run.result()


def train_cached(config: TrainConfig, embeddings: Embeddings, tower: Towers = "image", device: str = "cpu") -> Trained:
    """Train once: the cache stores the result under everything that decides it, and also the state of a killed run.

    When processes train together, the first looks into the cache and writes; the others train when it does.
    """
    key = run_key(config, embeddings, tower)

    def work(folder: Path) -> None:
        broadcast_flag(True)
        trained = train(config, embeddings, tower, folder=folder, device=device)
        save_sae(trained.sae, folder)
        write_json(folder / "history.json", trained.history.to_numpy(dtype=float).tolist())
        (folder / FILE).unlink()

    folder = cache_folder(KIND, key)
    if first():
        cached(KIND, key, work, keep_partial=True)
        broadcast_flag(False)
    else:
        while broadcast_flag():
            train(config, embeddings, tower, folder=folder, device=device)
    return Trained(load_sae(folder).to(device), _table(json.loads((folder / "history.json").read_text())))


def descend(sae: Dictionary, optimiser: torch.optim.Adam, out: Step, step: int, config: TrainConfig) -> Step:
    """Update the weights by the gradients of a step's loss; the returned step is that of all processes."""
    optimiser.zero_grad()
    out.loss.backward()
    out = merge_step(sae, out)
    sae.before_step()
    clip_gradients(list(sae.parameters()), sae.stacked)
    optimiser.param_groups[0]["lr"] = schedule(step, config)
    optimiser.step()
    sae.after_step(out, step, config.steps)
    return out


def clip_gradients(parameters: Sequence[Tensor], stacked: int) -> None:
    """Scale the gradients of each of the stacked models to a norm of 1 if theirs is larger."""
    gradients = [parameter.grad.view(stacked, -1) for parameter in parameters if parameter.grad is not None]
    norms = torch.stack([torch.linalg.vector_norm(gradient, dim=1) for gradient in gradients])
    factors = (1 / (torch.linalg.vector_norm(norms, dim=0) + 1e-6)).clamp_(max=1.0)[:, None]
    if factors.is_cuda or bool((factors < 1).any()):  # a pass over all gradients, and a GPU need not wait to be asked
        for gradient in gradients:
            gradient.mul_(factors)


class TrainingRun(Resumable):
    """The state of a training run."""

    name: ClassVar[str] = "sae"
    own: ClassVar[tuple[str, ...]] = ("silent", "dead", "order")

    def __init__(self, config: TrainConfig, embeddings: Embeddings, tower: Towers, device: str) -> None:
        if len(embeddings) == 0:
            raise CompanionError(f"{embeddings.encoder}: no rows to train on; give at least one")
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise NotAvailable(f"device {device!r} was requested, but torch finds no GPU; use device='cpu'")
        self.config = config
        self.key = digest(run_key(config, embeddings, tower))
        self.sae, self.rows, self.scale, self.generator = start(config, embeddings, tower, device)
        self.sae.to(device).train()
        self.sae.bf16 = config.precision == "bf16"
        self.members = self.rows.counted(self.sae.as_rows)
        self.batch = min(config.batch, self.rows.smallest_buffer)
        self._check_parts()
        self.optimiser = torch.optim.Adam(self.sae.parameters(), betas=(0.9, 0.999), fused=True)
        self.order = self.rows.first_order()
        self.silent = torch.zeros(config.sae.width, dtype=torch.int64, device=device)
        self.dead = self.silent[:0]
        self.step = 0
        self.history: list[list[float]] = []

    def advance(self) -> tuple[Tensor, Step]:
        """Make one step, and return the scaled batch, or this process's part of it, with the recipe's result."""
        x = self.next_batch()
        out = descend(self.sae, self.optimiser, self.sae.loss(x, self.dead), self.step, self.config)
        self.count(out.fired)
        return x, out

    def count(self, fired: Tensor) -> None:
        """End a step. fired: the number of rows in which each latent was active, (width,)."""
        self.silent = torch.where(fired > 0, 0, self.silent + self.batch * self.members)
        self.step += 1
        if self.step % DEAD_EVERY == 0:
            self.dead = (self.silent >= self.config.dead_after).nonzero()[:, 0]

    def next_batch(self) -> Tensor:
        """Return the next rows of the order, or this process's part of them, scaled."""
        self.order = self.rows.next_order(self.order, self.step, self.batch, self.generator)
        return self.rows.batch(self.order, self.step, self.batch).div_(self.scale)

    def _check_parts(self) -> None:
        if size() > 1 and self.sae.kind != "one-tower":
            known = ", ".join(recipes_of("one-tower"))
            raise CompanionError(
                f"{self.config.sae.recipe} trains in one process; under torchrun train one of: {known}"
            )
        if self.batch % size():
            raise CompanionError(
                f"a batch of {self.batch} rows cannot be split into {size()} equal parts; change their number"
            )

    def log(self, x: Tensor, out: Step) -> None:
        """Add a row to the history; this only reads the state."""
        x, reconstruction = gather_rows(x), gather_rows(out.reconstruction)
        left = (x - reconstruction).double().square().sum()
        spread = (x - x.mean(dim=0)).double().square().sum()
        l0 = out.fired.sum() / (len(x) * self.members)
        dead = (self.silent >= self.config.dead_after).sum()
        row = [self.step, float(out.loss.detach()), float(left / spread) if spread > 0 else 0.0, float(l0), int(dead)]
        if not math.isfinite(row[1]):
            raise CompanionError(f"the loss is {row[1]} at step {self.step}; lower lr or check the embeddings")
        self.history.append(row)

    def save(self, folder: Path) -> None:
        """Write one checkpoint for all processes."""
        if first():
            super().save(folder)

    def result(self) -> Trained:
        """Return the dictionary for raw inputs, with its history."""
        if not all(bool(parameter.isfinite().all()) for parameter in self.sae.parameters()):
            raise CompanionError("the weights are no longer finite; lower lr or check the embeddings")
        self.sae.bf16 = False
        self.sae.rescale(self.scale)
        return Trained(self.sae.eval(), _table(self.history))


def _table(history: list[list[float]]) -> pd.DataFrame:
    return pd.DataFrame(history, columns=COLUMNS, dtype=float).astype({"step": int, "dead": int})
