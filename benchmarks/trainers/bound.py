"""The work that no TopK step avoids: one encoder product, one top-k over all pre-activations, one Adam update."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.trainers.serve import Setting, serve


class Bound:
    """The three parts, one after the other; it learns nothing."""

    def __init__(self, setting: Setting, rows: Tensor) -> None:
        self.k, shape = setting["k"], (setting["width"], rows.shape[1])
        self.weights = [torch.nn.Parameter(torch.randn(shape) * 0.01) for _ in range(2)]
        for weight in self.weights:
            weight.grad = torch.randn(shape) * 0.01
        self.optimiser = torch.optim.Adam(self.weights, lr=setting["lr"], fused=True)

    @torch.no_grad()
    def step(self, x: Tensor) -> None:
        """The product, the selection, the update."""
        (x @ self.weights[0].t()).topk(self.k, dim=1, sorted=False)
        self.optimiser.step()

    def reconstruct(self, x: Tensor) -> Tensor:
        """It has nothing to reconstruct with."""
        raise NotImplementedError


if __name__ == "__main__":
    serve(Bound)
