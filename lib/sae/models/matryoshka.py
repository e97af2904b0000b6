"""Matryoshka BatchTopK dictionary: each nested prefix of the latents must reconstruct the input without the rest.

Loss: the mean over prefixes m of |x - f_{1:m}(x) W_dec - b_dec|^2 (Pach et al. 2025, Eq. 4, prefixes 1/16, 3/16, 7/16
and 1 of the width, section 4.1), with one BatchTopK selection over the whole width, and AuxK on the whole. The paper
prints the sum and no bias; the released code divides by the number of prefixes twice, which makes AuxK four times
heavier. We take the mean.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from lib.sae.models.batch_topk import BatchTopKSelection
from lib.sae.models.topk import SelectiveSAE
from lib.sae.sparse import Code, decode_at

PREFIXES = (1 / 16, 3 / 16, 7 / 16, 1.0)


class NestedSelection(BatchTopKSelection):
    """The selection of BatchTopK, with an error that makes the first latents the most general."""

    @property
    def prefixes(self) -> list[int]:
        """Numbers of latents in the nested prefixes, in increasing order; the last is the width."""
        if self.config.prefixes:
            return list(self.config.prefixes)
        return sorted({max(1, int(part * self.width)) for part in PREFIXES})

    def reconstruction_loss(self, x: Tensor, code: Code) -> tuple[Tensor, Tensor]:
        """Return the whole reconstruction (rows, d), and the mean of the prefixes' squared errors."""
        residuals, error = _NestedError.apply(self.decode_parts(code), self.centred(x))
        return x - residuals[:, -1], error

    def decode_parts(self, code: Code) -> Tensor:
        """Decode the latents between two prefixes, (rows, prefixes, d), without the bias."""
        pattern = code.pattern.split_rows(self.prefixes).in_blocks(self.stacked)
        return decode_at(pattern, code.values, self.W_dec.view(-1, self.d)).view(code.rows, -1, self.d)


class _NestedError(torch.autograd.Function):
    """The residual of each prefix of the parts (rows, prefixes, d) for a target (rows, d), and its mean squared norm.

    Forward and backward are running sums over the prefixes: `cumsum` takes four times as long.
    """

    @staticmethod
    def forward(ctx: Any, parts: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        residuals = torch.empty_like(parts)
        left = target
        for part, residual in zip(parts.unbind(dim=1), residuals.unbind(dim=1), strict=True):
            left = torch.sub(left, part, out=residual)
        ctx.save_for_backward(residuals)
        ctx.mark_non_differentiable(residuals)
        flat = residuals.flatten()
        return residuals, flat.dot(flat) / (len(parts) * parts.shape[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        (residuals,) = ctx.saved_tensors
        sums = residuals * (-2 / (len(residuals) * residuals.shape[1]) * gradients[1])
        later, *earlier = reversed(sums.unbind(dim=1))
        for gradient in earlier:
            later = gradient.add_(later)
        return sums, -later


class Matryoshka(NestedSelection, SelectiveSAE):
    """BatchTopK with nested prefixes, and AuxK on the whole code."""

    aux_weight: ClassVar[float] = 0.03
