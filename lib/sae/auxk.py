"""AuxK: dead latents learn to reconstruct what the live ones leave over.

Gao et al. 2024, arXiv 2406.04093, appendix A.2: |e - e_hat|^2 with e the residual and e_hat decoded, without the
decoder bias, from the d/2 largest dead pre-activations; divided by the variance of e. Only dead latents are touched.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lib.sae.base import SAE, squared_error
from lib.sae.parallel import batch_mean


def aux_loss(sae: SAE, x: Tensor, residual: Tensor, dead: Tensor) -> Tensor:
    """Scalar loss; x, residual: (batch, d), the residual is a constant here. dead: (m,) numbers of the dead latents."""
    if len(dead) == 0:
        return x.new_zeros(())
    residual = residual.detach()
    pre = (x - sae.b_dec) @ sae.encoder[dead].t() + sae.b_enc[dead]
    acts = torch.relu(pre)
    k = sae.d // 2
    if k < len(dead):
        top = pre.topk(k, dim=1, sorted=False).indices
        acts = acts * torch.zeros_like(pre).scatter_(1, top, 1.0)
    variance = batch_mean((residual - batch_mean(residual)).square().sum(dim=1))
    spread = (variance > 0).to(x.dtype)  # a batch of one row, or no residual: nothing to explain
    return spread * squared_error(residual, acts @ sae.W_dec[dead]) / (variance + 1 - spread)
