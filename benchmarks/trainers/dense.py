"""The same recipe in plain dense torch: what a careful user writes without sparse products.

Dense decode and dense gradients, fused Adam, AuxK on dead latents (Gao et al. 2024, arXiv 2406.04093, appendix A.2).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.trainers.serve import Setting, schedule, serve


class Dense:
    """x_hat = TopK((x - b_dec) W_enc + b_enc) W_dec + b_dec."""

    def __init__(self, setting: Setting, rows: Tensor) -> None:
        self.k, self.dead_after = setting["k"], setting["dead_after"]
        self.setting, self.taken = setting, 0
        decoder = nn.functional.normalize(torch.randn(setting["width"], rows.shape[1]), dim=1)
        self.W_dec, self.W_enc = nn.Parameter(decoder), nn.Parameter(decoder.t().contiguous())
        self.b_enc, self.b_dec = nn.Parameter(torch.zeros(len(decoder))), nn.Parameter(rows.mean(dim=0))
        self.parameters = [self.W_enc, self.W_dec, self.b_enc, self.b_dec]
        self.optimiser = torch.optim.Adam(self.parameters, fused=True)
        self.silent = torch.zeros(len(decoder), dtype=torch.int64)

    def step(self, x: Tensor) -> None:
        """Loss, gradients, Adam, unit decoder rows, dead latents."""
        pre = self._pre(x)
        acts = kept(pre, self.k)
        residual = x - self._decode(acts)
        loss = residual.square().sum(dim=1).mean() + self._aux(pre, residual.detach()) / 32
        self.optimiser.zero_grad()
        loss.backward()
        with torch.no_grad():
            gradient = self.W_dec.grad
            assert gradient is not None
            gradient -= (gradient * self.W_dec).sum(dim=1, keepdim=True) * self.W_dec
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimiser.param_groups[0]["lr"] = self.setting["lr"] * schedule(self.taken, self.setting)
        self.optimiser.step()
        self.taken += 1
        with torch.no_grad():
            self.W_dec.copy_(nn.functional.normalize(self.W_dec, dim=1))
            self.silent = torch.where((acts > 0).any(dim=0), 0, self.silent + len(x))

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        """Rows (n, d) from rows (n, d)."""
        return self._decode(kept(self._pre(x), self.k))

    def _pre(self, x: Tensor) -> Tensor:
        return (x - self.b_dec) @ self.W_enc + self.b_enc

    def _decode(self, acts: Tensor) -> Tensor:
        return acts @ self.W_dec + self.b_dec

    def _aux(self, pre: Tensor, residual: Tensor) -> Tensor:
        dead = self.silent >= self.dead_after
        if not dead.any():
            return pre.new_zeros(())
        acts = kept(pre.masked_fill(~dead, -torch.inf), min(residual.shape[1] // 2, int(dead.sum())))
        spread = (residual - residual.mean(dim=0)).square().sum(dim=1).mean()
        return (residual - acts @ self.W_dec).square().sum(dim=1).mean() / spread


def kept(pre: Tensor, k: int) -> Tensor:
    """The k largest of each row after a ReLU, the others zero: (rows, width)."""
    values, latents = pre.topk(k, dim=1, sorted=False)
    return torch.zeros_like(pre).scatter(1, latents, values.relu())


if __name__ == "__main__":
    serve(Dense)
