"""MGSAE: GSAE whose latents are hidden at random in training, the same ones for all members of a pair.

Kaushik et al. 2026, arXiv 2601.20028, section 3: h <- h * m with one Bernoulli mask m of the latents, after the ReLU
and before TopK. The members must choose from one subset, and latents that seldom win get their turn. Each is hidden
with probability `mask` (0.2 for CLIP). Not said in what can be read of the paper, and chosen here: the mask is drawn
for each pair (`mask_rows`: or once for a batch), what remains is not scaled up, and nothing is hidden at inference.
With a mask for each member on its own, a control, as much is hidden and the members need not choose from one subset.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lib.base.errors import CompanionError
from lib.sae.models.gsae import GSAE


class MGSAE(GSAE):
    """GSAE with a shared random mask; it draws from the run's generator, so a resumed run draws the same masks."""

    generators: tuple[torch.Generator, ...] = ()
    """Of the runs of the dictionaries that are stacked, which is one as a rule."""

    def initialise(self, sample: Tensor, generator: torch.Generator) -> None:
        """As all shared dictionaries; the generator of the run is kept."""
        super().initialise(sample, generator)
        self.generators = (generator,)

    def hide_latents(self, pre: Tensor) -> Tensor:
        """The pre-activations with the hidden ones at 0, which is never an active value."""
        if not self.generators:
            raise CompanionError("the mask has no generator; call `initialise` before training")
        by_pair = pre.view(self.stacked, -1, self.members, self.width)
        rows = self.config.mask_rows
        drawn = (1 if rows == "batch" else by_pair.shape[1], self.members if rows == "member" else 1, self.width)
        hidden = torch.stack([torch.rand(drawn, generator=one) < self.config.mask for one in self.generators])
        return by_pair.masked_fill(hidden.to(pre.device), 0.0).view_as(pre)
