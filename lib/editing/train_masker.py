"""Training of a masker on image-caption pairs, with the dictionary and the image tower frozen.

Source: TEVI (Mahajan et al., arXiv 2606.07451). Its objective is not public beyond "contrastive"; ours is symmetric
InfoNCE over all pairs of a batch, each edited by the mask of its own caption. A killed run resumes to equal weights.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from lib.data.errors import CompanionError
from lib.data.files import cached, digest, write_atomic, write_json
from lib.data.progress import progress
from lib.editing.masker import ImageSide, Masker, MaskerConfig, contrastive_loss
from lib.encoders.embeddings import Embeddings
from lib.sae.base import SAE, as_tensor
from lib.sae.checkpoint import FILE, fitting, load_checkpoint, optimiser_state, restore_optimiser, save_checkpoint

VERSION = 2
"""Goes up when the same configuration no longer trains to the same weights, or they are stored under other names."""

WARMUP = 0.1
"""Share of the steps over which the rate rises; from there it falls to zero."""

WEIGHTS = "masker.safetensors"


@dataclass(frozen=True)
class TrainedMasker:
    """A masker in evaluation mode, and its history: step, loss, density (the mean mask of the batch)."""

    masker: Masker
    history: pd.DataFrame


def train_masker(
    config: MaskerConfig, sae: SAE, pairs: Embeddings, *, folder: Path | None = None, checkpoint_every: int = 100
) -> TrainedMasker:
    """Train a masker on pairs: image row i with caption row i, unit norm.

    With a `folder`, the state is kept there every `checkpoint_every` steps and at the end, and an earlier try's state
    is taken up. An error names a loss that is no longer finite.
    """
    run = _Run(config, sae, pairs)
    if folder is not None:
        run.restore(folder)
    bar = progress(total=config.steps, initial=run.step, desc=f"masker {config.edit}")
    while run.step < config.steps:
        run.advance()
        if folder is not None and (run.step % checkpoint_every == 0 or run.step == config.steps):
            save_checkpoint(folder, run.tensors(), {"key": run.key, "step": run.step, "history": run.history})
        bar.update()
    bar.close()
    return TrainedMasker(run.masker.eval(), _table(run.history))


def train_masker_cached(config: MaskerConfig, sae: SAE, pairs: Embeddings) -> TrainedMasker:
    """`train_masker`, once: the result lies in the cache under everything that decides it."""

    def work(folder: Path) -> None:
        trained = train_masker(config, sae, pairs, folder=folder)
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in trained.masker.state_dict().items()}
        write_atomic(folder / WEIGHTS, save(weights))
        write_json(folder / "history.json", trained.history.to_numpy(dtype=float).tolist())
        (folder / FILE).unlink()

    folder = cached("masker", run_key(config, sae, pairs), work, keep_partial=True)
    masker = Masker(config, sae.d, sae.width)
    masker.load_state_dict(load_file(folder / WEIGHTS))
    return TrainedMasker(masker.to(sae.W_dec.device).eval(), _table(json.loads((folder / "history.json").read_text())))


def run_key(config: MaskerConfig, sae: SAE, pairs: Embeddings) -> dict[str, Any]:
    """Everything that decides the weights, as plain JSON."""
    weights = save({name: tensor.detach().cpu().contiguous() for name, tensor in sae.state_dict().items()})
    dictionary = {"recipe": sae.config.recipe, "k": sae.config.k, "weights": hashlib.sha256(weights).hexdigest()}
    return {"config": config.plain(), "sae": dictionary, "pairs": pairs.identity, "version": VERSION}


class _Run:
    """The state of a training run; everything that the next step depends on is in `tensors` and `step`."""

    def __init__(self, config: MaskerConfig, sae: SAE, pairs: Embeddings) -> None:
        if len(pairs) < 2:
            raise CompanionError(f"{pairs.encoder}: {len(pairs)} pairs to train a masker on; give at least 2")
        self.config, self.key = config, digest(run_key(config, sae, pairs))
        device = sae.W_dec.device
        self.images = ImageSide.of(sae, pairs, config.rho)
        self.texts = as_tensor(pairs.tower("text")).to(device)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.masker = Masker(config, sae.d, sae.width).to(device)
        self.masker.initialise(self.texts, self.generator)
        self.optimiser = torch.optim.Adam(self.masker.parameters(), betas=(0.9, 0.999))
        self.batch = min(config.batch, len(pairs))
        self.order = torch.arange(len(pairs))
        self.step = 0
        self.history: list[list[float]] = []

    def advance(self) -> None:
        """One step on the next pairs of the epoch's order; what does not fill a batch at its end is left out."""
        place = self.step % (len(self.texts) // self.batch)
        if place == 0:
            self.order = torch.randperm(len(self.texts), generator=self.generator)
        rows = self.order[place * self.batch : (place + 1) * self.batch].to(self.texts.device)
        loss, density = masker_loss(self.masker, self.images[rows], self.texts[rows])
        if not math.isfinite(float(loss.detach())):
            raise CompanionError(f"the loss is {float(loss.detach())} at step {self.step}; lower lr or check the pairs")
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.masker.parameters(), 1.0)
        self.optimiser.param_groups[0]["lr"] = self.config.lr * schedule(self.step, self.config.steps)
        self.optimiser.step()
        self.step += 1
        self.history.append([self.step, float(loss.detach()), density])

    def tensors(self) -> dict[str, Tensor]:
        """The state as named tensors."""
        weights = {f"masker.{name}": tensor for name, tensor in self.masker.state_dict().items()}
        own = {"order": self.order, "rng": self.generator.get_state()}
        return weights | optimiser_state(self.masker, self.optimiser) | own

    def restore(self, folder: Path) -> None:
        """Take up the folder's checkpoint, if it has one and it is of this run."""
        found = load_checkpoint(folder, self.key)
        if found is None:
            return
        tensors, facts = found
        with fitting(folder):
            weights = {name[7:]: part for name, part in tensors.items() if name.startswith("masker.")}
            self.masker.load_state_dict(weights)
            restore_optimiser(self.masker, self.optimiser, tensors)
            self.order = tensors["order"]
            self.generator.set_state(tensors["rng"])
            self.step, self.history = facts["step"], facts["history"]


def masker_loss(masker: Masker, images: ImageSide, texts: Tensor) -> tuple[Tensor, float]:
    """InfoNCE of n images with their captions (n, d), plus the sparsity term; and the mean mask, 1 where none is."""
    queries = masker.queries(texts)
    masks = masker.masks(queries)
    loss = contrastive_loss(masker.training_scores(images, queries, masks), masker.scale)
    density = masks.mean() if masks.numel() else masks.new_ones(())
    return loss + masker.config.sparsity * density, float(density.detach())


def schedule(step: int, steps: int) -> float:
    """Share of the peak rate: linear up over WARMUP of the steps, then linear down to zero."""
    up = max(1.0, WARMUP * steps)
    return min((step + 1) / up, (steps - step) / max(1.0, steps - up))


def _table(history: list[list[float]]) -> pd.DataFrame:
    return pd.DataFrame(history, columns=["step", "loss", "density"], dtype=float).astype({"step": int})
