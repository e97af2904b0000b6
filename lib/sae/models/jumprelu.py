"""JumpReLU dictionary: a learned threshold for each latent.

f = z * H(z - theta). Straight-through gradients of a rectangle kernel of width 1e-3 train theta, and the loss is
|x - x_hat|^2 + (L0 / k - 1)^2 (Rajamanoharan et al. 2024, arXiv 2407.14435, Eq. 9, 11-12, and appendix on a fixed
L0). Thresholds start at 1e-3; inputs have mean squared norm 1. Departures: Adam's first moment stays at 0.9 (there 0)
and gradients are clipped, as in all recipes here. The step is dense, since half of the latents are active at the start.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from lib.sae.base import SAE, Step, squared_error
from lib.sae.config import SAEConfig
from lib.sae.parallel import batch_mean

BANDWIDTH = 1e-3
INITIAL_THRESHOLD = 1e-3


class JumpReLU(SAE):
    """Keeps pre-activations above the latent's own threshold."""

    def __init__(self, config: SAEConfig, d: int) -> None:
        super().__init__(config, d)
        self.threshold = nn.Parameter(torch.full((config.width,), INITIAL_THRESHOLD))

    def active(self, pre: Tensor) -> Tensor:
        """Return the pre-activations above both the threshold and zero."""
        return (pre > self.threshold.clamp_min(0)).flatten().nonzero()[:, 0]

    def loss(self, x: Tensor, dead: Tensor) -> Step:
        """Squared error, plus the distance of L0 from its target; nothing revives dead latents."""
        acts, gate = jump(self.pre_activations(x), self.threshold)
        reconstruction = acts @ self.W_dec + self.b_dec
        l0 = batch_mean(gate.sum(dim=1))
        loss = squared_error(x, reconstruction) + (l0 / self.config.k - 1).square()
        return Step(loss, reconstruction.detach(), gate.detach().sum(dim=0))

    @torch.no_grad()
    def rescale(self, factor: float) -> None:
        """Rescale as every dictionary; the thresholds grow with the codes."""
        super().rescale(factor)
        self.threshold.mul_(factor)


def jump(pre: Tensor, threshold: Tensor) -> tuple[Tensor, Tensor]:
    """Return activations and their 0-1 gate, both (rows, width), with pseudo-gradients to the threshold (width,)."""
    return _Jump.apply(pre, threshold)


class _Jump(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pre: Tensor, threshold: Tensor) -> tuple[Tensor, Tensor]:
        gate = (pre > threshold.clamp_min(0)).to(pre.dtype)
        ctx.save_for_backward(pre, threshold, gate)
        return pre * gate, gate

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        pre, threshold, gate = ctx.saved_tensors
        for_acts, for_gate = gradients
        near = ((pre - threshold).abs() < BANDWIDTH / 2).to(pre.dtype)
        for_threshold = -((threshold * for_acts + for_gate) * near).sum(dim=0) / BANDWIDTH
        return for_acts * gate, for_threshold
