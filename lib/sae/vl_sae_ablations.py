"""VL-SAE with one part exchanged (Shen et al. 2025, arXiv 2510.21323, tables 3 and 5).

The paper climbs from SAE-S over a cosine encoder (`CosineShared`) and the distance encoder (`DistanceShared`) to the
second decoder (VL-SAE). `VLSAECosine`, which it does not have, tells the encoder's part with both decoders in place.
Its code holds no cosine encoder; ours selects by the signed cosine and keeps what is positive, as a ReLU would.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from lib.encoders.embeddings import Tower
from lib.sae.sparse import Code
from lib.sae.two_towers import Angular
from lib.sae.vl_sae import VLSAE


class VLSAECosine(Angular):
    """Activations max(0, cos(x, w)), a decoder for each tower."""

    encoders: ClassVar[int] = 1
    decoders: ClassVar[int] = 2

    def activation(self, cosine: Tensor) -> Tensor:
        return torch.relu(cosine)


class CosineShared(VLSAECosine):
    """Activations max(0, cos(x, w)), one decoder."""

    decoders: ClassVar[int] = 1


class DistanceShared(VLSAE):
    """The distance encoder, one decoder."""

    decoders: ClassVar[int] = 1


class DistanceL1(VLSAE):
    """The distance encoder with an L1 term in place of TopK; config.l1 is its weight (1e-4 in the paper).

    2 - g is positive unless x and w are opposite, so every latent is active on every row: L1 makes values small here,
    and none zero.
    """

    def select(self, pre: Tensor) -> Tensor:
        """All positions."""
        return torch.arange(pre.numel(), device=pre.device)

    def values(self, x: Tensor, encoder: int, scores: Tensor, positions: Tensor) -> Tensor:
        """Of all positions, by the dense product."""
        return self.activation(self.tower_scores(x, encoder)).flatten()

    def decode_tower(self, code: Code, tower: Tower) -> Tensor:
        """As the base, by a dense product."""
        self._check_width(code.width)
        weight, bias = self.decoder_of(tower)
        return code.values.view(code.rows, code.width) @ weight + bias

    def penalty(self, code: Code) -> Tensor:
        """Weight times the mean over rows of the summed activations."""
        return self.config.l1 * code.values.sum() / code.rows
