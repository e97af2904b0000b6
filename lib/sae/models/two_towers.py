"""Dictionaries of pictures and captions whose towers may have separate encoders, separate decoders, both, or neither.

A recipe says how many encoders and decoders there are: one for both towers, or one each. All share, with Shen et al.
2025 (arXiv 2510.21323, section 3.3 and appendix A.1):

    h_v = TopK(E_v(x_v)),  h_l = TopK(E_l(x_l)),  loss |x_v - D_v(h_v)|^2 + |x_l - D_l(h_l)|^2      (Eq. 8-9)

No term couples the two towers, so it does not matter which caption belongs to which picture. There is no pre-bias
and no loss for dead latents, and decoder rows may have any norm. The paper writes squared norms, its code takes
means over dimensions; we take squared norms.

The initial weights are those of `torch.nn.Linear`, whose size does not depend on the rows. So training scales the
rows to `config.norm`, about the norm of the raw CLIP embeddings on which the paper trains: rows of norm 1 are no
larger than the random biases of a linear encoder, which would then decide which latents are active. The decoders'
biases start at the mean of the rows that they serve. The released code starts them near zero and has 45,000 steps.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from lib.encoders.embeddings import Tower
from lib.sae.base import Dictionary, Kind, Step
from lib.sae.config import TwoTowerConfig
from lib.sae.selection import largest_of_rows
from lib.sae.sparse import Code, Pattern, decode_at, dense_products, encode_at

TOWERS: tuple[Tower, Tower] = ("image", "text")


class TwoTowers(Dictionary):
    """Linear encoders, TopK on each row, ReLU, and linear decoders with bias.

    They train on batches (pairs, 2, d), scaled to `config.norm`. encoder: (encoders, width, d), W_dec: (decoders,
    width, d), b_enc: (encoders, width), b_dec: (decoders, d).
    """

    kind: ClassVar[Kind] = "two-tower"
    encoders: ClassVar[int]
    """Number of encoders: 1 for both towers, or 2."""
    decoders: ClassVar[int]
    """Number of decoders: 1 for both towers, or 2."""

    config: TwoTowerConfig

    def __init__(self, config: TwoTowerConfig, d: int) -> None:
        super().__init__(config, d)
        self.encoder = nn.Parameter(torch.zeros(self.encoders, config.width, d))
        self.W_dec = nn.Parameter(torch.zeros(self.decoders, config.width, d))
        self.b_enc = nn.Parameter(torch.zeros(self.encoders, config.width))
        self.b_dec = nn.Parameter(torch.zeros(self.decoders, d))

    @property
    def norm(self) -> float:
        """The norm of the configuration."""
        return self.config.norm

    @torch.no_grad()
    def initialise(self, sample: Tensor, generator: torch.Generator) -> None:
        """Draw weights uniformly within 1 / sqrt(inputs) of each layer; decoder biases are means of the rows they
        serve.
        """
        for parameter, inputs in ((self.encoder, self.d), (self.b_enc, self.d), (self.W_dec, self.width)):
            if parameter is not None:
                drawn = 2 * torch.rand(parameter.shape, generator=generator) - 1
                parameter.copy_(drawn / inputs**0.5)
        means = sample.mean(dim=0)
        self.b_dec.copy_(means if self.decoders == len(means) else means.mean(dim=0, keepdim=True))

    @property
    def stacked(self) -> int:
        """Number of dictionaries that the parameters hold, one after the other: 1 unless seeds are trained together."""
        return self.W_dec.numel() // (self.decoders * self.width * self.d)

    # Parts that a recipe may define differently.

    def select(self, scores: Tensor) -> Tensor:
        """Return the increasing positions (row * width + latent) of the active ones among scores (rows, width)."""
        return largest_of_rows(scores, self.config.k)

    def prepared(self, x: Tensor) -> Tensor:
        """Return rows (..., d) as the encoders take them; by default unchanged."""
        return x

    def directions(self) -> Tensor:
        """Vectors (encoders, width, d) whose products with the rows select the latents; by default the weights."""
        return self.encoder

    def activation(self, pre: Tensor) -> Tensor:
        """Compute the activations of selected latents, an increasing function of their products."""
        return torch.relu(pre)

    def penalty(self, code: Code) -> Tensor | None:
        """Return the recipe's addition to the loss for the codes of one or two towers, before averaging; by default
        None.
        """
        return None

    # The towers.

    def encode_rows(self, x: Tensor, directions: Tensor, bias: Tensor | None) -> Code:
        """Encode rows (towers, n, d), one tower after the other, by one encoder for all or by one for each.

        directions: (encoders, width, d). bias: (encoders, width) or None.
        """
        rows, encoders = self.prepared(x).flatten(0, 1), len(directions)
        with torch.no_grad():
            scores = dense_products(rows, directions, bias)
            pattern = Pattern(self.select(scores), len(rows), self.width)
            known = pattern.take(scores)
        weight, bias = directions.flatten(0, 1), None if bias is None else bias.flatten()
        return Code(pattern, self.activation(encode_at(rows, weight, bias, pattern.in_blocks(encoders), known)))

    def decode_rows(self, code: Code, weight: Tensor, bias: Tensor) -> Tensor:
        """Compute reconstructions (decoders, rows / decoders, d); weight: (decoders, width, d). bias: (decoders, d)."""
        decoders = len(weight)
        rows = decode_at(code.pattern.in_blocks(decoders), code.values, weight.flatten(0, 1))
        return rows.view(decoders, -1, self.d) + bias[:, None]

    def encode_tower(self, x: Tensor, tower: Tower) -> Code:
        """Compute the k selected latents of rows (rows, d) of one tower; those that are not positive are 0."""
        self._check_rows(x)
        encoder = min(TOWERS.index(tower), self.encoders - 1)
        bias = None if self.b_enc is None else self.b_enc[encoder, None]
        return self.encode_rows(x[None], self.directions()[encoder, None], bias)

    def decoder_of(self, tower: Tower) -> tuple[Tensor, Tensor]:
        """Return the tower's matrix and bias, which both towers may share."""
        decoder = min(TOWERS.index(tower), self.decoders - 1)
        return self.W_dec[decoder], self.b_dec[decoder]

    def decode_tower(self, code: Code, tower: Tower) -> Tensor:
        """Reconstruct rows (rows, d) of a tower from a code, which may be the other tower's."""
        self._check_width(code.width)
        weight, bias = self.decoder_of(tower)
        return self.decode_rows(code, weight[None], bias[None])[0]

    def loss(self, x: Tensor, dead: Tensor) -> Step:
        """The sum of the two squared errors, plus the recipe's penalty."""
        stacked, width, d = self.stacked, self.width, self.d
        pairs = len(x) // stacked
        rows = x.view(stacked, pairs, len(TOWERS), d).transpose(1, 2).contiguous()
        bias = None if self.b_enc is None else self.b_enc.view(-1, width)
        code = self.encode_rows(rows.flatten(0, 1), self.directions().view(-1, width, d), bias)
        reconstruction = self.decode_rows(code, self.W_dec.view(-1, width, d), self.b_dec.view(-1, d)).view_as(rows)
        loss = nn.functional.mse_loss(reconstruction, rows, reduction="sum") / pairs
        penalty = self.penalty(code)
        if penalty is not None:
            loss = loss + penalty / pairs
        return Step(loss, reconstruction.detach().transpose(1, 2).reshape(x.shape), code.counts(stacked))


class Angular(TwoTowers):
    """Encoders that see only directions: cos(x, w) selects the latents, and a function of it is their activation.

    There is no bias, and inputs and weights have no norm. A row of norm zero has cosine 0 with everything. Codes do not
    depend on the scale of the rows, so the decoders must learn all of it.
    """

    grows: ClassVar[tuple[str, ...]] = ("W_dec", "b_dec")

    def __init__(self, config: TwoTowerConfig, d: int) -> None:
        super().__init__(config, d)
        self.register_parameter("b_enc", None)

    @abstractmethod
    def activation(self, pre: Tensor) -> Tensor:
        """Compute the activation of a selected latent, an increasing function of the cosine."""

    def prepared(self, x: Tensor) -> Tensor:
        """Scale rows to unit norm."""
        return nn.functional.normalize(x, dim=-1)

    def directions(self) -> Tensor:
        """Encoder rows of unit norm, (encoders, width, d), whose products with unit rows are cosines."""
        return nn.functional.normalize(self.encoder, dim=-1)
