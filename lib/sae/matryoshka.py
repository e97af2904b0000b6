"""Matryoshka BatchTopK dictionary: nested prefixes of the latents must reconstruct alone.

Loss: the mean over prefixes m of |x - f_{1:m}(x) W_dec - b_dec|^2 (Pach et al. 2025, Eq. 4, prefixes 1/16, 3/16, 7/16
and 1 of the width, section 4.1), with one BatchTopK selection over the whole width, and AuxK on the whole. The
paper prints the sum and no bias, the released code divides by the number of prefixes twice, which makes AuxK four times
heavier; the mean is taken here.
"""

from __future__ import annotations

from itertools import accumulate

import torch
from torch import Tensor

from lib.sae.batch_topk import BatchTopK
from lib.sae.sparse import Code, decode_at

PREFIXES = (1 / 16, 3 / 16, 7 / 16, 1.0)


class Matryoshka(BatchTopK):
    """BatchTopK whose first latents are the most general."""

    @property
    def prefixes(self) -> list[int]:
        """Numbers of latents in the nested prefixes, increasing; the last is the width."""
        if self.config.prefixes:
            return list(self.config.prefixes)
        return sorted({max(1, int(part * self.width)) for part in PREFIXES})

    def reconstruction_loss(self, x: Tensor, code: Code) -> tuple[Tensor, Tensor]:
        """The whole reconstruction (batch, d), and the mean of the prefixes' squared errors."""
        partial = self.prefix_reconstructions(code)
        return partial[:, -1], (x[:, None] - partial).square().sum(dim=2).mean()

    def prefix_reconstructions(self, code: Code) -> Tensor:
        """(batch, prefixes, d): what each prefix of the latents decodes to.

        Each latent is decoded once: the entries between two prefixes are a row of their own, summed up afterwards.
        """
        ends = self.prefixes
        starts = torch.tensor([0, *ends[:-1]], device=code.positions.device)
        rows = torch.arange(code.rows, device=starts.device)[:, None] * code.width + starts
        bounds = torch.cat([rows.flatten(), starts.new_tensor([code.rows * code.width])])
        indptr = torch.searchsorted(code.positions, bounds, out_int32=True)
        groups = decode_at(indptr, code.latents, code.values, self.W_dec)
        parts = groups.view(code.rows, len(ends), self.d).unbind(dim=1)
        return torch.stack(list(accumulate(parts, torch.add)), dim=1) + self.b_dec  # `cumsum` takes four times as long
