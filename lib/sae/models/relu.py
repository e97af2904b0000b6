"""ReLU dictionary with an L1 penalty.

Loss |x - x_hat|^2 + l1 * |f(x)|_1 with unit decoder rows (Pach et al. 2025, section 3.1, Eq. 3-4: the vanilla SAE).
Departures from the released code: no resampling of dead latents and no warm-up of the penalty. Half of the
pre-activations are active when training begins, so its step is dense.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lib.sae.base import SAE, Step, squared_error


class ReLU(SAE):
    """Keeps all positive pre-activations; only the L1 term makes codes sparse."""

    def active(self, pre: Tensor) -> Tensor:
        """Return all positive pre-activations."""
        return (pre > 0).flatten().nonzero()[:, 0]

    def loss(self, x: Tensor, dead: Tensor) -> Step:
        """Squared error plus L1; nothing revives dead latents."""
        acts = torch.relu(self.pre_activations(x))
        reconstruction = acts @ self.W_dec + self.b_dec
        loss = squared_error(x, reconstruction) + self.config.l1 * acts.sum(dim=1).mean()
        return Step(loss, reconstruction.detach(), (acts.detach() > 0).sum(dim=0))
