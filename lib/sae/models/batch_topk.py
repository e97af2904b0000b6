"""BatchTopK dictionary: it keeps the k * batch largest pre-activations of the batch, and has one threshold at
inference.

Bussmann et al. 2024, arXiv 2412.06410. As in Pach et al. 2025, section 4.1 and released code, the AuxK weight is 0.03,
and one scalar threshold is the moving average of the smallest positive selected activation (the paper's appendix F
describes a vector; the code has a scalar). There the average has beta 0.999 and begins after 1,000 of 100,000 steps;
here both spans are 1 % of the steps.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor

from lib.sae.base import Step
from lib.sae.config import SAEConfig
from lib.sae.models.topk import Selection, SelectiveSAE
from lib.sae.parallel import gather_rows, size
from lib.sae.selection import largest_of_batch
from lib.sae.sparse import Code

SPAN = 0.01
"""The fraction of the steps that passes before the threshold is set, and over which it is averaged."""


class BatchTopKSelection(Selection):
    """Keeps the k largest per row on average over a batch; at inference, those that exceed one threshold."""

    threshold: Tensor

    def __init__(self, config: SAEConfig, d: int) -> None:
        super().__init__(config, d)
        self.register_buffer("threshold", torch.zeros(()))

    def select(self, pre: Tensor) -> Tensor:
        """Return the increasing positions of the k * rows largest of the batch; a process with a part returns its
        share.
        """
        parts = pre.view(self.stacked, -1)
        flat, count = pre.flatten(), self.config.k * len(pre) // self.stacked * size()
        positions = torch.cat([largest_of_batch(part, count) + i * part.numel() for i, part in enumerate(parts)])
        if size() == 1:
            return positions
        bound = gather_rows(flat[positions]).topk(count, sorted=False).values.min()
        return positions[flat[positions] >= bound]

    def active(self, pre: Tensor) -> Tensor:
        """Return the pre-activations above the threshold, which is never negative."""
        return (pre > self.threshold).flatten().nonzero()[:, 0]

    def smallest_of(self, code: Code) -> Tensor:
        """The smallest positive activation of a code, in the shape of `threshold`; infinite if there is none."""
        values = code.values.detach()
        positive = torch.where(values > 0, values, torch.inf)
        ends = code.pattern.indptr[:: code.rows // self.stacked].tolist()
        none = positive.new_tensor([torch.inf])
        least = [torch.cat([positive[start:end], none]).min() for start, end in pairwise(ends)]
        return torch.stack(least).view_as(self.threshold)

    @torch.no_grad()
    def after_step(self, out: Step, step: int, steps: int) -> None:
        """Normalise the decoder rows, and update the threshold's average unless the batch has nothing positive."""
        super().after_step(out, step, steps)
        if out.smallest is None or step < int(SPAN * steps):
            return
        rate = 1 / max(1.0, SPAN * steps)
        mean = torch.where(self.threshold > 0, torch.lerp(self.threshold, out.smallest, rate), out.smallest)
        self.threshold.copy_(torch.where(out.smallest.isfinite(), mean, self.threshold))

    @torch.no_grad()
    def rescale(self, factor: float) -> None:
        """Rescale as every dictionary; the threshold grows with the codes."""
        super().rescale(factor)
        self.threshold.mul_(factor)


class BatchTopK(BatchTopKSelection, SelectiveSAE):
    """The dictionary that keeps the k largest per row on average, with AuxK at the weight of Pach et al."""

    aux_weight: ClassVar[float] = 0.03
