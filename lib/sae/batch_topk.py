"""BatchTopK dictionary: the k * batch largest pre-activations of the batch, one threshold at inference.

Bussmann et al. 2024, arXiv 2412.06410; as in Pach et al. 2025, section 4.1 and released code: AuxK weight 0.03, and one
scalar threshold, the moving average of the smallest positive selected activation (the paper's appendix F describes a
vector; the code has a scalar). There the average has beta 0.999 and begins after 1,000 of 100,000 steps; here both
spans are 1 % of the steps.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from lib.sae.base import Step
from lib.sae.config import SAEConfig
from lib.sae.parallel import size, whole
from lib.sae.topk import TopK

SPAN = 0.01
"""Fraction of the steps that the threshold waits for, and that its average spans."""

STRIDE = 61
"""Every 61st pre-activation is looked at to bound the selection; a prime, so that it meets all latents."""


class BatchTopK(TopK):
    """s keeps the k largest a row on average."""

    aux_weight: ClassVar[float] = 0.03
    threshold: Tensor

    def __init__(self, config: SAEConfig, d: int) -> None:
        super().__init__(config, d)
        self.register_buffer("threshold", torch.zeros(()))

    def select(self, pre: Tensor) -> Tensor:
        """Positions of the k * rows largest of the batch, increasing; of a part of it, those of them that it has."""
        flat, count = pre.flatten(), self.config.k * len(pre) * size()
        positions = largest(flat, count)
        if size() == 1:
            return positions
        bound = whole(flat[positions]).topk(count, sorted=False).values.min()
        return positions[flat[positions] >= bound]

    def active(self, pre: Tensor) -> Tensor:
        """Pre-activations above the threshold, which is never negative."""
        return (pre > self.threshold).flatten().nonzero()[:, 0]

    @torch.no_grad()
    def after_step(self, out: Step, step: int, steps: int) -> None:
        """As the base, and the moving average of the threshold; a batch with nothing positive leaves it."""
        super().after_step(out, step, steps)
        if out.smallest is None or step < int(SPAN * steps):
            return
        rate = 1 / max(1.0, SPAN * steps)
        mean = torch.where(self.threshold > 0, torch.lerp(self.threshold, out.smallest, rate), out.smallest)
        self.threshold.copy_(torch.where(out.smallest.isfinite(), mean, self.threshold))

    @torch.no_grad()
    def rescale(self, factor: float) -> None:
        """As the base, and the threshold with it."""
        super().rescale(factor)
        self.threshold.mul_(factor)


def largest(flat: Tensor, count: int) -> Tensor:
    """Increasing positions of the `count` largest of (m,) numbers.

    On a CPU a full selection costs more than the encoder product. A bound from a sample leaves a few candidates, which
    hold the answer if there are enough of them; otherwise the full selection is made.
    """
    if flat.device.type == "cpu" and len(flat) >= 100 * STRIDE:
        sample = flat[::STRIDE]
        rank = min(len(sample), 3 * count // (2 * STRIDE) + 16)
        above = flat > sample.topk(rank, sorted=False).values.min()
        candidates = torch.from_numpy(np.flatnonzero(above.numpy()))  # torch's takes three times as long
        if len(candidates) >= count:
            return candidates[flat[candidates].topk(count, sorted=False).indices].sort().values
    return flat.topk(min(count, len(flat)), sorted=False).indices.sort().values
