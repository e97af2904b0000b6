"""Training of one dictionary on the embeddings of a tower or of several, exact to the bit when killed and resumed."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lib.data.errors import CompanionError, NotAvailable
from lib.data.files import cache_folder, cached, digest, write_json
from lib.data.progress import progress
from lib.encoders.embeddings import Embeddings, Tower
from lib.sae.base import SAE, Step, as_tensor
from lib.sae.checkpoint import FILE, fitting, load_checkpoint, optimiser_state, restore_optimiser, save_checkpoint
from lib.sae.config import TrainConfig
from lib.sae.parallel import announced, first, merged, part, same, size, whole
from lib.sae.recipes import RECIPES, build
from lib.sae.scaling import root_mean_square_norm
from lib.sae.storage import load_sae, save_sae

VERSION = 2
"""Goes up when the same configuration no longer trains to the same weights."""

KIND = "sae"
"""The cache's folder of trained dictionaries."""

DEAD_EVERY = 10
"""Steps between two looks at which latents are dead; each one waits for the device."""

MEDIAN_ROWS = 4096
"""Rows, drawn at random, of which the pre-bias is the geometric median (the released code: the first batch)."""

Towers = Tower | tuple[Tower, ...]
"""What a dictionary reads: one tower, or the members of a pair together."""

COLUMNS = ["step", "loss", "fvu", "l0", "dead"]


@dataclass(frozen=True)
class Trained:
    """A dictionary for raw inputs, and its history on training batches: step, loss, fvu, l0, dead (a count)."""

    sae: SAE
    history: pd.DataFrame


def learning_rate(width: int) -> float:
    """2e-4 / sqrt(width / 2^14) (Gao et al. 2024; Pach et al. 2025 print five times this, their code has this)."""
    return 2e-4 / math.sqrt(width / 2**14)


def schedule(step: int, config: TrainConfig) -> float:
    """The learning rate of a step: linear warm-up, constant, linear decay to zero over the last fraction."""
    peak = learning_rate(config.sae.width) if config.lr is None else config.lr
    up = min(1.0, (step + 1) / max(1.0, config.warmup * config.steps))
    down = min(1.0, (config.steps - step) / max(1.0, config.decay * config.steps))
    return peak * up * down


def run_key(config: TrainConfig, embeddings: Embeddings, tower: Towers) -> dict[str, Any]:
    """Everything that decides the weights, as plain JSON."""
    return {"config": config.plain(), "embeddings": embeddings.identity, "tower": tower, "version": VERSION}


def training_rows(embeddings: Embeddings, tower: Towers) -> np.ndarray:
    """The (n, d) matrix of a tower, or the members of each pair side by side, (n, towers, d)."""
    if not isinstance(tower, tuple):
        return embeddings.tower(tower)
    members = [embeddings.tower(one) for one in tower]
    if len({member.shape[1] for member in members}) > 1:
        shapes = ", ".join(f"{name} {member.shape[1]}" for name, member in zip(tower, members, strict=True))
        raise CompanionError(f"{embeddings.encoder}: a shared dictionary needs one dimension, not {shapes}")
    return np.stack(members, axis=1)


def start(config: TrainConfig, embeddings: Embeddings, tower: Towers) -> tuple[SAE, float, torch.Generator]:
    """The dictionary before its first step, for data divided by a scale; that scale; the generator of the run."""
    matrix = training_rows(embeddings, tower)
    scale = root_mean_square_norm(matrix.reshape(-1, matrix.shape[-1]))
    generator = torch.Generator().manual_seed(config.seed)
    sae = build(config.sae, matrix.shape[-1])
    rows = torch.randperm(len(matrix), generator=generator)[:MEDIAN_ROWS]
    sae.initialise(as_tensor(matrix)[rows] / scale, generator)
    return sae, scale, generator


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

    With a `folder`, the state is kept there every `checkpoint_every` steps and at the end, and an earlier try's state
    is taken up. Neither that nor the history changes the weights. An error names a loss that is no longer finite.
    """
    run = TrainingRun(config, embeddings, tower, device)
    if folder is not None:
        run.restore(folder)
    if not same(run.step):
        raise CompanionError(
            "processes of one training found other checkpoints; COMPANION_CACHE must be theirs in common"
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
    """`train`, once: the result lies in the cache under everything that decides it, a killed run's state included.

    Of processes that train together the first looks into the cache and writes; the others train when it does.
    """
    key = run_key(config, embeddings, tower)

    def work(folder: Path) -> None:
        announced(True)
        trained = train(config, embeddings, tower, folder=folder, device=device)
        save_sae(trained.sae, folder)
        write_json(folder / "history.json", trained.history.to_numpy(dtype=float).tolist())
        (folder / FILE).unlink()

    folder = cache_folder(KIND, key)
    if first():
        cached(KIND, key, work, keep_partial=True)
        announced(False)
    else:
        while announced():
            train(config, embeddings, tower, folder=folder, device=device)
    return Trained(load_sae(folder).to(device), _table(json.loads((folder / "history.json").read_text())))


class TrainingRun:
    """The state of a training run; everything that the next step depends on is in `tensors` and `step`."""

    def __init__(self, config: TrainConfig, embeddings: Embeddings, tower: Towers, device: str) -> None:
        if len(embeddings) == 0:
            raise CompanionError(f"{embeddings.encoder}: no rows to train on; give at least one")
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise NotAvailable(f"device {device!r} asked for, but torch finds no GPU; use device='cpu'")
        self.config = config
        self.key = digest(run_key(config, embeddings, tower))
        self.sae, self.scale, self.generator = start(config, embeddings, tower)
        self.sae.to(device).train()
        self.sae.bf16 = config.precision == "bf16"
        self.data = as_tensor(training_rows(embeddings, tower)).to(device)
        self.members = len(tower) if isinstance(tower, tuple) else 1
        self.batch = min(config.batch, len(self.data))
        self._check_parts()
        self.optimiser = torch.optim.Adam(self.sae.parameters(), betas=(0.9, 0.999), fused=True)
        self.order = torch.arange(len(self.data), device=device)
        self.silent = torch.zeros(config.sae.width, dtype=torch.int64, device=device)
        self.dead = self.silent[:0]
        self.step = 0
        self.history: list[list[float]] = []

    def advance(self) -> tuple[Tensor, Step]:
        """One step: the scaled batch, or this process's part of it, and what the recipe made of it."""
        x = self._next_batch()
        out = self.sae.loss(x, self.dead)
        self.optimiser.zero_grad()
        out.loss.backward()
        out = merged(self.sae, out)
        self.sae.tangent_gradient()
        torch.nn.utils.clip_grad_norm_(self.sae.parameters(), 1.0)
        self.optimiser.param_groups[0]["lr"] = schedule(self.step, self.config)
        self.optimiser.step()
        self.sae.after_step(out, self.step, self.config.steps)
        self.silent = torch.where(out.fired > 0, 0, self.silent + self.batch * self.members)
        self.step += 1
        if self.step % DEAD_EVERY == 0:
            self.dead = (self.silent >= self.config.dead_after).nonzero()[:, 0]
        return x, out

    def _next_batch(self) -> Tensor:
        """The next rows of the epoch's order; what does not fill a batch at its end is left out."""
        place = self.step % (len(self.data) // self.batch)
        if place == 0:
            self.order = torch.randperm(len(self.data), generator=self.generator).to(self.data.device)
        return self.data[part(self.order[place * self.batch : (place + 1) * self.batch])] / self.scale

    def _check_parts(self) -> None:
        if size() > 1 and self.config.sae.recipe not in RECIPES:
            known = ", ".join(RECIPES)
            raise CompanionError(
                f"{self.config.sae.recipe} trains in one process; under torchrun train one of: {known}"
            )
        if self.batch % size():
            raise CompanionError(
                f"a batch of {self.batch} rows has no {size()} equal parts; start another number of processes"
            )

    def log(self, x: Tensor, out: Step) -> None:
        """Add a row to the history; reads the state only."""
        x, reconstruction = whole(x), whole(out.reconstruction)
        left = (x - reconstruction).double().square().sum()
        spread = (x - x.mean(dim=0)).double().square().sum()
        l0 = out.fired.sum() / (len(x) * self.members)
        dead = (self.silent >= self.config.dead_after).sum()
        row = [self.step, float(out.loss.detach()), float(left / spread) if spread > 0 else 0.0, float(l0), int(dead)]
        if not math.isfinite(row[1]):
            raise CompanionError(f"the loss is {row[1]} at step {self.step}; lower lr or check the embeddings")
        self.history.append(row)

    def tensors(self) -> dict[str, Tensor]:
        """The state as named tensors."""
        weights = {f"sae.{name}": tensor for name, tensor in self.sae.state_dict().items()}
        own = {"silent": self.silent, "dead": self.dead, "order": self.order, "rng": self.generator.get_state()}
        return weights | optimiser_state(self.sae, self.optimiser) | own

    def save(self, folder: Path) -> None:
        """Write the checkpoint, one for all processes."""
        if not first():
            return
        save_checkpoint(folder, self.tensors(), {"key": self.key, "step": self.step, "history": self.history})

    def restore(self, folder: Path) -> None:
        """Take up the folder's checkpoint, if it has one and it is of this run."""
        found = load_checkpoint(folder, self.key)
        if found is None:
            return
        tensors, facts = found
        device = self.data.device
        with fitting(folder):
            self.sae.load_state_dict({name[4:]: tensor for name, tensor in tensors.items() if name.startswith("sae.")})
            restore_optimiser(self.sae, self.optimiser, tensors)
            self.silent, self.dead, self.order = (tensors[name].to(device) for name in ("silent", "dead", "order"))
            self.generator.set_state(tensors["rng"])
            self.step, self.history = facts["step"], facts["history"]

    def result(self) -> Trained:
        """The dictionary for raw inputs."""
        if not all(bool(parameter.isfinite().all()) for parameter in self.sae.parameters()):
            raise CompanionError("the weights are no longer finite; lower lr or check the embeddings")
        self.sae.bf16 = False
        self.sae.rescale(self.scale)
        return Trained(self.sae.eval(), _table(self.history))


def _table(history: list[list[float]]) -> pd.DataFrame:
    return pd.DataFrame(history, columns=COLUMNS, dtype=float).astype({"step": int, "dead": int})
