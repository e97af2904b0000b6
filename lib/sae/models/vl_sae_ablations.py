"""VL-SAE with one part exchanged (Shen et al. 2025, arXiv 2510.21323, tables 3 and 5).

The paper goes from SAE-S through a cosine encoder (`CosineShared`) and the distance encoder (`DistanceShared`) to the
second decoder (VL-SAE). `VLSAECosine`, which the paper does not have, isolates the encoder's effect with both decoders
in place. Its code has no cosine encoder; ours selects by the signed cosine and keeps what is positive, as a ReLU would.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from lib.sae.models.two_towers import Angular
from lib.sae.models.vl_sae import VLSAE
from lib.sae.sparse import Code, Pattern, dense_products


class VLSAECosine(Angular):
    """Activations max(0, cos(x, w)), and a decoder for each tower."""

    encoders: ClassVar[int] = 1
    decoders: ClassVar[int] = 2

    def activation(self, pre: Tensor) -> Tensor:
        """Return the cosine where it is positive, else 0."""
        return torch.relu(pre)


class CosineShared(VLSAECosine):
    """Activations max(0, cos(x, w)), and one decoder."""

    decoders: ClassVar[int] = 1


class DistanceShared(VLSAE):
    """The distance encoder with one decoder."""

    decoders: ClassVar[int] = 1


class DistanceL1(VLSAE):
    """The distance encoder with an L1 term in place of TopK; config.l1 is its weight (1e-4 in the paper).

    2 - g is positive unless x and w are opposite, so every latent is active on every row: L1 makes values small here,
    but none zero.
    """

    def encode_rows(self, x: Tensor, directions: Tensor, bias: Tensor | None) -> Code:
        """Compute the activations of all latents, by the dense product."""
        rows = self.prepared(x).flatten(0, 1)
        positions = torch.arange(len(rows) * self.width, device=x.device)
        values = self.activation(dense_products(rows, directions, bias))
        return Code(Pattern(positions, len(rows), self.width), values.flatten())

    def decode_rows(self, code: Code, weight: Tensor, bias: Tensor) -> Tensor:
        """Compute the reconstructions (decoders, rows / decoders, d), by a dense product."""
        return torch.baddbmm(bias[:, None], code.values.view(len(weight), -1, code.width), weight)

    def penalty(self, code: Code) -> Tensor:
        """Return the L1 weight times the sum of all activations."""
        return self.config.l1 * code.values.sum()
