"""TopK dictionary: the k largest pre-activations of each row.

Loss |x - x_hat|^2 + 1/32 AuxK (Gao et al. 2024, arXiv 2406.04093, section 2.3 and appendix A.2). A ReLU follows the
selection, so a row with fewer than k positive pre-activations has fewer active latents.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor

from lib.sae.auxk import aux_loss
from lib.sae.base import SAE, Step, squared_error
from lib.sae.sparse import Code


class TopK(SAE):
    """s keeps the k largest of each row."""

    aux_weight: ClassVar[float] = 1 / 32

    def select(self, pre: Tensor) -> Tensor:
        """Positions of the k largest of each row, increasing; ties are broken by torch."""
        rows, width = pre.shape
        latents = largest_of_rows(pre, min(self.config.k, width)).sort(dim=1).values
        return (torch.arange(rows, device=pre.device)[:, None] * width + latents).flatten()

    def active(self, pre: Tensor) -> Tensor:
        """The selected ones that are positive."""
        positions = self.select(pre)
        return positions[pre.flatten()[positions] > 0]

    def loss(self, x: Tensor, dead: Tensor) -> Step:
        """Squared error of the selection, and AuxK."""
        with torch.no_grad():
            pre = self.scores(x)
            positions = self.select(pre)
        code = self.code_at(x, pre, positions)
        code = replace(code, values=torch.relu(code.values))
        reconstruction, error = self.reconstruction_loss(x, code)
        loss = error + self.aux_weight * aux_loss(self, x, x - reconstruction, dead)
        values = code.values.detach()
        smallest = torch.where(values > 0, values, torch.inf).min()
        return Step(loss, reconstruction.detach(), code.counts(), smallest)

    def reconstruction_loss(self, x: Tensor, code: Code) -> tuple[Tensor, Tensor]:
        """The reconstruction (batch, d) and its squared error."""
        reconstruction = self.decode(code)
        return reconstruction, squared_error(x, reconstruction)


PART = 8
"""Pre-activations that stand together for the first look; 8 to 16 measured best."""


def largest_of_rows(pre: Tensor, k: int) -> Tensor:
    """(rows, k) latents of the k largest of each row, in no order.

    On a CPU a selection costs half of the encoder product. The k largest lie in the k parts with the largest maxima,
    so a wide row is looked at twice: at the maxima of its parts, and at the chosen parts.
    """
    rows, width = pre.shape
    if pre.device.type != "cpu" or width % PART or width < 4 * PART * k:
        return pre.topk(k, dim=1, sorted=False).indices
    parts = width // PART  # latents with the same remainder, so that their maximum is one pass over contiguous memory
    chosen = pre.view(rows, PART, parts).amax(dim=1).topk(k, dim=1, sorted=False).indices
    candidates = (chosen[:, :, None] + torch.arange(0, width, parts)).view(rows, k * PART)
    return candidates.gather(1, pre.gather(1, candidates).topk(k, dim=1, sorted=False).indices)
