"""MGSAE: GSAE whose latents are hidden at random in training, the same ones for all members of a pair.

Kaushik et al. 2026, arXiv 2601.20028, section 3: h <- h * m with one Bernoulli mask m of the latents, after the ReLU
and before TopK. The members must choose from one subset, and latents that seldom win get their turn. Each is hidden
with probability `mask` (0.2 for CLIP). Not said in what can be read of the paper, and chosen here: the mask is drawn
for each pair (`mask_rows`: or once for a batch), what remains is not scaled up, and nothing is hidden at inference.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lib.data.errors import CompanionError
from lib.sae.gsae import GSAE


class MGSAE(GSAE):
    """GSAE with a shared random mask; it draws from the run's generator, so a resumed run draws the same masks."""

    generator: torch.Generator | None = None

    def initialise(self, sample: Tensor, generator: torch.Generator) -> None:
        """As the base, and keeps the generator of the run."""
        super().initialise(sample, generator)
        self.generator = generator

    def hide(self, pre: Tensor) -> Tensor:
        """Pre-activations with the hidden ones at 0, which is never an active value."""
        if self.generator is None:
            raise CompanionError("the mask has no generator; call `initialise` before training")
        pairs = len(pre) // self.members
        drawn = (pairs if self.config.mask_rows == "pair" else 1, 1, self.width)
        hidden = torch.rand(drawn, generator=self.generator) < self.config.mask
        by_pair = pre.view(pairs, self.members, self.width)
        return by_pair.masked_fill(hidden.to(pre.device), 0.0).view_as(pre)
