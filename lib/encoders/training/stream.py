"""Endless, freshly rendered scenes with dense labels, for training the shipped encoders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset

from lib.data.procedural import SILENT, choose
from lib.data.scenes.layout import SIDE, Layout
from lib.data.scenes.scene_grammar import FACTORS, VALUES, factors, phrase
from lib.data.scenes.scene_pairs import layout_of, picture_of

SEED = 1000
"""The seed of the encoders' training scenes; the pairs that users see have seed 0."""

TOKEN_FACTS: tuple[str, ...] = FACTORS[:5]
"""The facts that every patch must name: kind, colour, texture, size and turn of the object that covers it."""

FACT_SIZES: dict[str, int] = {name: len(values) for name, values in zip(FACTORS, VALUES, strict=True)}


class SceneBatch(NamedTuple):
    """A batch of training scenes.

    pixels: uint8 (b, 3, 64, 64). patches: int64 (b, patches, 5): TOKEN_FACTS of the covering object, or one past the
    last value where none covers. scene: int64 (b, 12): FACTORS, or SILENT. text: int64 (b, context).
    """

    pixels: torch.Tensor
    patches: torch.Tensor
    scene: torch.Tensor
    text: torch.Tensor


def patch_facts(layout: Layout, patch: int) -> np.ndarray:
    """Return TOKEN_FACTS of the object that covers most of each patch of `patch` pixels, if it covers at least a third
    of the patch's area; int64 (patches, 5).
    """
    edges = np.arange(0, SIDE, patch)
    none = [FACT_SIZES[name] for name in TOKEN_FACTS]
    labels = np.tile(np.array(none), (len(edges), len(edges), 1))
    most = np.full((len(edges), len(edges)), patch * patch // 3)
    for thing in layout.things:
        low, high = -(thing.side // 2), thing.side - thing.side // 2
        across = (np.minimum(edges + patch, thing.x + high) - np.maximum(edges, thing.x + low)).clip(0)
        down = (np.minimum(edges + patch, thing.y + high) - np.maximum(edges, thing.y + low)).clip(0)
        cover = down[:, None] * across[None, :]
        labels[cover > most] = (thing.kind, thing.colour, thing.texture, thing.size, thing.turn)
        most = np.maximum(most, cover)
    return labels.reshape(-1, len(TOKEN_FACTS))


class _Batches(IterableDataset):
    """A dataset in which batch `step` is made from scenes step * batch and on, so that training can resume."""

    def __init__(self, tokenise: Callable[[list[str]], torch.Tensor], batch: int, patch: int, steps: range) -> None:
        self.tokenise, self.batch, self.patch, self.steps = tokenise, batch, patch, steps

    def __iter__(self) -> Iterator[SceneBatch]:
        for step in self.steps:
            layouts = [layout_of("train", SEED, step * self.batch + i) for i in range(self.batch)]
            pixels = [picture_of("train", SEED, step * self.batch + i) for i in range(self.batch)]
            scene = np.stack([factors(layout) for layout in layouts])
            random = np.random.default_rng([SEED, step])
            texts = [phrase(choose(row, int(random.integers(1, len(FACTORS) + 1)), random), random) for row in scene]
            yield SceneBatch(
                torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous(),
                torch.from_numpy(np.stack([patch_facts(layout, self.patch) for layout in layouts])),
                torch.from_numpy(scene.astype(np.int64)),
                self.tokenise(texts),
            )


def scene_batches(
    tokenise: Callable[[list[str]], torch.Tensor], *, batch: int, patch: int, steps: range
) -> Iterator[SceneBatch]:
    """Yield the batches numbered `steps`, made in a worker process."""
    loader = DataLoader(_Batches(tokenise, batch, patch, steps), batch_size=None, num_workers=1, prefetch_factor=4)
    return iter(loader)


def fact_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of (..., values) logits against (...) codes, without SILENT ones."""
    return torch.nn.functional.cross_entropy(
        logits.float().flatten(0, -2), labels.flatten(), ignore_index=SILENT, reduction="mean"
    )
