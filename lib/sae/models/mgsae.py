"""MGSAE: GSAE that hides random latents in training, the same ones for all members of a pair.

Kaushik et al. 2026, arXiv 2601.20028, section 3: h <- h * m with one Bernoulli mask m of the latents, after the ReLU
and before TopK. The members must choose from the same subset, and latents that seldom win get a chance. Each is hidden
with probability `mask` (0.2 for CLIP). The public text of the paper leaves some choices open; we draw the mask for each
pair (or once per batch, see `mask_rows`), do not scale up what remains, and hide nothing at inference. As a control, a
separate mask for each member hides as much, but the members need not choose from the same subset.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lib.base.errors import CompanionError
from lib.sae.models.gsae import GSAE


class MGSAE(GSAE):
    """GSAE with a shared random mask; it draws from the run's generator, so a resumed run draws the same masks."""

    generators: tuple[torch.Generator, ...] = ()
    """The generators of the runs of the stacked dictionaries, usually one."""

    def initialise(self, sample: Tensor, generator: torch.Generator) -> None:
        """Initialise as all shared dictionaries do, and keep the generator of the run."""
        super().initialise(sample, generator)
        self.generators = (generator,)

    def hide_latents(self, pre: Tensor) -> Tensor:
        """Set hidden pre-activations to 0, which is never an active value."""
        if not self.generators:
            raise CompanionError("the mask has no generator; call `initialise` before training")
        by_pair = pre.view(self.stacked, -1, self.members, self.width)
        rows = self.config.mask_rows
        drawn = (1 if rows == "batch" else by_pair.shape[1], self.members if rows == "member" else 1, self.width)
        hidden = torch.stack([torch.rand(drawn, generator=one) < self.config.mask for one in self.generators])
        return by_pair.masked_fill(hidden.to(pre.device), 0.0).view_as(pre)
