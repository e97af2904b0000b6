"""Train a masker on image-caption pairs, with the dictionary and the image tower frozen.

Source: TEVI (Mahajan et al., arXiv 2606.07451). Its objective is not public beyond "contrastive"; ours is symmetric
InfoNCE over all pairs of a batch, each edited by the mask of its own caption. Every epoch takes the next caption of
each picture, since a mask over-fits captions that it sees repeatedly. With dev pairs, the weights with the smallest
loss on them are kept, the initial ones included, so an arm that learns nothing stays where it began. A killed run
resumes to equal weights.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from lib.base.errors import CompanionError
from lib.base.files import cached, digest, write_atomic, write_json
from lib.base.progress import progress
from lib.editing.masker import ImageSide, Masker, MaskerConfig, contrastive_loss
from lib.encoders.embeddings import Embeddings
from lib.sae.base import SAE, as_tensor
from lib.sae.training.checkpoint import FILE, Resumable
from lib.sae.training.train import clip_gradients

MASKER_VERSION = 4
"""Increases when the same configuration no longer trains to the same weights, or when these are stored differently."""

WARMUP = 0.1
"""Share of the steps over which the learning rate rises; afterwards it falls to zero."""

CHECKS = 10
"""Number of times that a training measures the dev pairs, not counting the start."""

DEV_PAIRS = 500
"""Largest number of dev pairs to search among."""

SCALES = (5.0, 10.0, 20.0, 40.0, 80.0)
"""Factors of the logits of dev pairs; the best one counts, so that only better scores reduce the loss."""

MASKER = "masker"
"""The kind of cache folder that holds trained maskers."""

_WEIGHTS = "masker.safetensors"


@dataclass(frozen=True)
class TrainedMasker:
    """A trained masker and its history."""

    masker: Masker
    """The masker in evaluation mode."""
    history: pd.DataFrame
    """One row per step: step, loss, density (the mean mask of the batch)."""
    checks: pd.DataFrame
    """One row per measurement of dev pairs: step, loss (at the best of SCALES), recall (R@1, mean of both directions).
    """


class SharedImages:
    """The pictures of a training and of its dev pairs, for all maskers on one dictionary: encoded by it once."""

    def __init__(self, sae: SAE, pairs: Embeddings | Sequence[Embeddings], dev: Embeddings | None = None) -> None:
        self._sae, self._pairs = sae, _several(pairs)[0]
        self._dev = None if dev is None else dev.rows(np.arange(min(DEV_PAIRS, len(dev))), "searched")
        self._made: dict[float, tuple[ImageSide, ImageSide | None]] = {}

    def of(self, rho: float) -> tuple[ImageSide, ImageSide | None]:
        """Both with a share `rho` of the dictionary's residual; the last share alone is kept, for the room it takes."""
        if rho not in self._made:
            dev = None if self._dev is None else ImageSide.of(self._sae, self._dev, rho)
            self._made = {rho: (ImageSide.of(self._sae, self._pairs, rho), dev)}
        return self._made[rho]


def train_masker(
    config: MaskerConfig,
    sae: SAE,
    pairs: Embeddings | Sequence[Embeddings],
    dev: Embeddings | None = None,
    *,
    images: SharedImages | None = None,
    folder: Path | None = None,
    checkpoint_every: int = 500,
) -> TrainedMasker:
    """Train a masker on pairs: image row i with caption row i, unit norm.

    Several pairs are the same images with other captions, one for each epoch in turn. With dev pairs, the weights of
    the best of CHECKS measurements and the start are kept. images: those of the same dictionary and pairs, where other
    maskers train on them, too. With a `folder`, the state is saved there every `checkpoint_every` steps and at the end,
    and a run continues from it. A loss that is no longer finite is an error.
    """
    run = MaskerRun(config, sae, _several(pairs), dev, images or SharedImages(sae, pairs, dev))
    if folder is not None:
        run.restore(folder)
    bar = progress(total=config.steps, initial=run.step, desc=f"masker {config.edit}")
    while run.step < config.steps:
        run.advance()
        if folder is not None and (run.step % checkpoint_every == 0 or run.step == config.steps):
            run.save(folder)
        bar.update()
    bar.close()
    run.keep_best()
    return TrainedMasker(run.masker.eval(), _history(run.history), _checks(run.checks.tolist()))


def train_masker_cached(
    config: MaskerConfig,
    sae: SAE,
    pairs: Embeddings | Sequence[Embeddings],
    dev: Embeddings | None = None,
    images: SharedImages | None = None,
) -> TrainedMasker:
    """Train once: the cache stores the result under everything that decides it."""

    def work(folder: Path) -> None:
        trained = train_masker(config, sae, pairs, dev, images=images, folder=folder)
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in trained.masker.state_dict().items()}
        write_atomic(folder / _WEIGHTS, save(weights))
        tables = {"history": trained.history, "checks": trained.checks}
        write_json(folder / "tables.json", {name: t.to_numpy(dtype=float).tolist() for name, t in tables.items()})
        (folder / FILE).unlink()

    folder = cached(MASKER, masker_key(config, sae, pairs, dev), work, keep_partial=True)
    masker = Masker(config, sae.d, sae.width)
    masker.load_state_dict(load_file(folder / _WEIGHTS))
    tables = json.loads((folder / "tables.json").read_text())
    return TrainedMasker(masker.to(sae.W_dec.device).eval(), _history(tables["history"]), _checks(tables["checks"]))


def masker_key(
    config: MaskerConfig, sae: SAE, pairs: Embeddings | Sequence[Embeddings], dev: Embeddings | None = None
) -> dict[str, Any]:
    """Return everything that decides the masker's weights, as plain JSON."""
    weights = save({name: tensor.detach().cpu().contiguous() for name, tensor in sae.state_dict().items()})
    dictionary = {"recipe": sae.config.recipe, "k": sae.config.k, "weights": hashlib.sha256(weights).hexdigest()}
    learnt = {"pairs": [one.identity for one in _several(pairs)], "dev": None if dev is None else dev.identity}
    return {"config": config.plain(), "sae": dictionary, **learnt, "version": MASKER_VERSION}


def _several(pairs: Embeddings | Sequence[Embeddings]) -> Sequence[Embeddings]:
    several = [pairs] if isinstance(pairs, Embeddings) else pairs
    if len({len(one) for one in several}) != 1:
        raise CompanionError("captions of different numbers of images; give the same images with other captions")
    return several


class MaskerRun(Resumable):
    """The state of a training run."""

    name: ClassVar[str] = "masker"
    own: ClassVar[tuple[str, ...]] = ("order", "checks", "best")

    def __init__(
        self,
        config: MaskerConfig,
        sae: SAE,
        pairs: Sequence[Embeddings],
        dev: Embeddings | None,
        images: SharedImages,
    ) -> None:
        if len(pairs[0]) < 2:
            raise CompanionError(f"{pairs[0].encoder}: {len(pairs[0])} pairs to train a masker on; give at least 2")
        self.config, self.sae, self.key = config, sae, digest(masker_key(config, sae, pairs, dev))
        device = sae.W_dec.device
        self.images, looked_at = images.of(config.rho)
        self.texts = [as_tensor(one.tower("text")).to(device) for one in pairs]
        self.dev = None
        if dev is not None and looked_at is not None:
            self.dev = _DevPairs(looked_at, as_tensor(dev.tower("text")[: len(looked_at)]).to(device))
        self.generator = torch.Generator().manual_seed(config.seed)
        self.masker = Masker(config, sae.d, sae.width).to(device)
        self.masker.initialise(self.texts[0], self.generator)
        self.optimiser = adam_of(self.masker)
        self.batch = min(config.batch, len(pairs[0]))
        self.order = torch.arange(len(pairs[0]))
        self.step = 0
        self.history: list[list[float]] = []
        self.checks = torch.zeros(0, 3, dtype=torch.float64)
        self.best = nn.utils.parameters_to_vector(self.masker.parameters()).detach().clone()
        self.look()

    def advance(self) -> None:
        """Take one step on the next pairs."""
        rows, texts = self.next_pairs()
        losses, density = masker_loss(self.masker, self.images[rows], texts)
        descend(self.masker, self.optimiser, losses, self.step)
        self.count(float(losses.detach()), float(density.detach()))

    def next_pairs(self) -> tuple[Tensor, Tensor]:
        """Return the numbers of the next pairs of the epoch and their texts; pairs that do not fill a batch at its end
        are left out.
        """
        epoch, place = divmod(self.step, len(self.order) // self.batch)
        if place == 0:
            self.order = torch.randperm(len(self.order), generator=self.generator)
        texts = self.texts[epoch % len(self.texts)]
        rows = self.order[place * self.batch : (place + 1) * self.batch].to(texts.device)
        return rows, texts[rows]

    def count(self, loss: float, density: float) -> None:
        """End a step: remember its loss and mean mask, and measure the dev pairs if it is time."""
        if not math.isfinite(loss):
            raise CompanionError(f"the loss is {loss} at step {self.step}; lower lr or check the pairs")
        self.step += 1
        self.history.append([self.step, loss, density])
        if self.step * CHECKS // self.config.steps > (self.step - 1) * CHECKS // self.config.steps:
            self.look()

    def look(self) -> None:
        """Measure the dev pairs, and remember the weights if they are the best so far."""
        if self.dev is None:
            return
        loss, recall = self.dev.measure(self.masker)
        if not len(self.checks) or loss < float(self.checks[:, 1].min()):
            self.best = nn.utils.parameters_to_vector(self.masker.parameters()).detach().clone()
        self.checks = torch.cat([self.checks, self.checks.new_tensor([[self.step, loss, recall]])])

    def keep_best(self) -> None:
        """Restore the best weights, if there are dev pairs."""
        if self.dev is not None:
            nn.utils.vector_to_parameters(self.best, self.masker.parameters())


@dataclass(frozen=True)
class _DevPairs:
    """Pairs that are not used for training, to choose among a run's weights."""

    images: ImageSide
    texts: Tensor

    @torch.no_grad()
    def measure(self, masker: Masker) -> tuple[float, float]:
        """Loss at the best scale with the sparsity term, and R@1 of both directions, by the training scores."""
        queries = masker.queries(self.texts)
        masks = masker.masks(queries)
        scores = masker.training_scores(self.images, queries, masks)
        right = scores.diagonal()
        ahead = [(scores >= right[:, None]).sum(dim=1), (scores >= right[None]).sum(dim=0)]
        price = masker.config.sparsity * float(masks.mean()) if masks.numel() else 0.0
        losses = [float(contrastive_loss(scores, scores.new_tensor(scale))) for scale in SCALES]
        return min(losses) + price, float(torch.cat(ahead).eq(1).double().mean())


def masker_loss(masker: Masker, images: ImageSide, texts: Tensor) -> tuple[Tensor, Tensor]:
    """InfoNCE of n images with their captions (..., n, d) plus the sparsity term, and the mean mask (1 without masks),
    (...) each.
    """
    queries = masker.queries(texts)
    masks = masker.masks(queries)
    loss = contrastive_loss(masker.training_scores(images, queries, masks), masker.scale)
    density = masks.mean(dim=(-2, -1)) if masks.numel() else torch.ones_like(loss)
    return loss + masker.config.sparsity * density, density


def adam_of(masker: Masker) -> torch.optim.Adam:
    """Make the optimiser of a masker, an AdamW."""
    return torch.optim.AdamW(masker.parameters(), weight_decay=masker.config.decay, fused=True)


def descend(masker: Masker, optimiser: torch.optim.Adam, losses: Tensor, step: int) -> None:
    """Update the weights by the gradients of their losses, (...); `step` steps have been made before."""
    optimiser.zero_grad()
    losses.sum().backward()
    clip_gradients(list(masker.parameters()), losses.numel())
    optimiser.param_groups[0]["lr"] = masker.config.lr * masker_rate(step, masker.config.steps)
    optimiser.step()


def masker_rate(step: int, steps: int) -> float:
    """Learning rate as a share of its peak: linear up over WARMUP of the steps, then linear down to zero."""
    up = max(1.0, WARMUP * steps)
    return min((step + 1) / up, (steps - step) / max(1.0, steps - up))


def _history(rows: list[list[float]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["step", "loss", "density"], dtype=float).astype({"step": int})


def _checks(rows: list[list[float]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["step", "loss", "recall"], dtype=float).astype({"step": int})
