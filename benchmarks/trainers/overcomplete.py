"""overcomplete: `train_sae` on a `TopKSAE` over one batch, silent (monitoring 0); it still counts dead codes.

Loss and optimiser are the user's there: the squared error alone, which is its cheapest, and fused Adam. It has no
decoder bias.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.trainers.serve import Setting, schedule, serve
from lib.encoders.shim import ensure_torchvision

ensure_torchvision()

from overcomplete.sae import TopKSAE, train_sae  # noqa: E402


class Overcomplete:
    """Linear encoder, unit dictionary, encoder started as its transpose like the others'."""

    def __init__(self, setting: Setting, rows: Tensor) -> None:
        self.model = TopKSAE(rows.shape[1], setting["width"], top_k=setting["k"], device="cpu").train()
        encoder = self.model.encoder.final_block[0]
        encoder.weight.data.copy_(torch.nn.functional.normalize(torch.randn_like(encoder.weight), dim=1))
        encoder.bias.data.zero_()
        self.model.dictionary._weights.data.copy_(encoder.weight.data)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=setting["lr"], fused=True)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, lambda step: schedule(step, setting))

    def step(self, x: Tensor) -> None:
        """An epoch of one batch."""
        train_sae(self.model, [x], squared_error, self.optimiser, self.schedule, nb_epochs=1, monitoring=0)

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        """Rows (n, d) from rows (n, d)."""
        return self.model(x)[2]


def squared_error(x: Tensor, x_hat: Tensor, pre: Tensor, codes: Tensor, dictionary: Tensor) -> Tensor:
    """Summed over dimensions, averaged over rows, as the others' loss."""
    return (x - x_hat).square().sum(dim=1).mean()


if __name__ == "__main__":
    serve(Overcomplete, "overcomplete")
