"""The random instances on which peers and ours are compared; a peer's own process makes and answers them.

This file runs in the peers' environment, too, so it needs only torch and safetensors.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save_file
from torch import Tensor

SHAPES = [(24, 16, 256, 3), (64, 24, 96, 5), (40, 33, 160, 2), (128, 64, 128, 4)]
"""Rows, dimensions, latents, k. In the last one fewer latents are dead than AuxK would take, in the others more."""

SEEDS = (0, 1)
DTYPES = ("float32", "float64")

STEPS = 20
"""Steps that a peer's dictionary makes by its own optimiser, so that biases and thresholds are not the initial ones."""

RATE = 1e-2

L1 = 0.1


class Instance(NamedTuple):
    """What a peer makes a dictionary for."""

    rows: int
    d: int
    width: int
    k: int
    seed: int
    dtype: str

    @property
    def name(self) -> str:
        """A word for a file."""
        return f"{self.d}x{self.width}-seed{self.seed}-{self.dtype}"

    @property
    def kind(self) -> torch.dtype:
        """The type of all its numbers."""
        return getattr(torch, self.dtype)

    def data(self) -> Tensor:
        """(rows, d) rows of squared norm about 1 around a centre that is not zero, so that a pre-bias matters."""
        generator = torch.Generator().manual_seed(self.seed + 1)
        rows = torch.randn(self.rows, self.d, generator=generator) + torch.randn(self.d, generator=generator)
        return (rows / (2 * self.d) ** 0.5).to(self.kind)


def instances() -> Iterator[Instance]:
    """Every shape with every seed in every precision."""
    for (rows, d, width, k), seed, dtype in product(SHAPES, SEEDS, DTYPES):
        yield Instance(rows, d, width, k, seed, dtype)


Answer = dict[str, Tensor]
"""The data `x`, the weights in the shapes of ours, what else was chosen, and under `theirs/` what came of them."""


def answer_all(recipes: Mapping[str, Callable[[Instance], Answer]]) -> None:
    """Write `<recipe>-<instance>.safetensors` for every recipe of a peer into the folder of the command line."""
    folder = Path(sys.argv[1])
    for recipe, instance in product(recipes, instances()):
        torch.manual_seed(instance.seed)
        answer = {name: tensor.detach().clone().contiguous() for name, tensor in recipes[recipe](instance).items()}
        save_file(answer, folder / f"{recipe}-{instance.name}.safetensors")
