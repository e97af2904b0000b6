"""Dictionaries of two modalities: one row is a pair, the picture's embedding and the caption's side by side.

Trained on [x_v, x_l] of (rows, 2 d), so that the trainer, its checkpoints and the cache are those of every other
dictionary. A recipe says how many encoders and decoders there are: one for both towers, or one each. What all share
with Shen et al. 2025 (arXiv 2510.21323, section 3.3 and appendix A.1):

    h_v = TopK(E_v(x_v)),  h_l = TopK(E_l(x_l)),  loss |x_v - D_v(h_v)|^2 + |x_l - D_l(h_l)|^2      (Eq. 8-9)

No term couples the two towers, so it does not matter which caption stands beside which picture. There is no pre-bias
and no loss for dead latents, and decoder rows are free to have any norm. The paper writes squared norms, its code
means over dimensions; we take the former. The initial weights are those of `torch.nn.Linear`.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from lib.data.errors import CompanionError
from lib.encoders.embeddings import Embeddings, Tower
from lib.sae.base import Step, squared_error
from lib.sae.config import SAEConfig
from lib.sae.sparse import Code, decode_at, encode_at
from lib.sae.topk import TopK

TOWERS: tuple[Tower, Tower] = ("image", "text")


def side_by_side(embeddings: Embeddings) -> Embeddings:
    """One row a pair: [image, text], (n, 2 d), as the image tower of new embeddings; what dictionaries of pairs train
    on."""
    both = np.concatenate([embeddings.tower(tower) for tower in TOWERS], axis=1)
    identity = {**embeddings.identity, "side by side": True}
    return Embeddings(embeddings.ids, both, None, embeddings.encoder, normalised=False, identity=identity)


class TwoTowers(TopK):
    """Linear encoders, the k largest pre-activations of each row, ReLU, linear decoders with bias.

    encoder: (encoders, width, d), b_enc: (encoders, width), W_dec: (decoders, width, d), b_dec: (decoders, d).
    """

    encoders: ClassVar[int]
    decoders: ClassVar[int]

    def __init__(self, config: SAEConfig, d: int) -> None:
        super().__init__(config, d)
        if d % 2:
            raise CompanionError(f"rows of {d} numbers are no pairs; give pictures and captions by `side_by_side`")
        width, half = config.width, d // 2
        self.encoder = nn.Parameter(torch.zeros(self.encoders, width, half))
        self.b_enc = nn.Parameter(torch.zeros(self.encoders, width))
        self.W_dec = nn.Parameter(torch.zeros(self.decoders, width, half))
        self.b_dec = nn.Parameter(torch.zeros(self.decoders, half))

    @property
    def d(self) -> int:
        """Dimensions of a pair: twice those of a tower."""
        return 2 * self.W_dec.shape[2]

    @property
    def width(self) -> int:
        return self.W_dec.shape[1]

    @torch.no_grad()
    def initialise(self, sample: Tensor, generator: torch.Generator) -> None:
        """Uniform within 1 / sqrt(inputs) of each layer."""
        for parameters, inputs in (([self.encoder, self.b_enc], self.d // 2), ([self.W_dec, self.b_dec], self.width)):
            for parameter in parameters:
                if parameter is not None:
                    drawn = 2 * torch.rand(parameter.shape, generator=generator) - 1
                    parameter.copy_(drawn / inputs**0.5)

    # What a recipe may define otherwise.

    def tower_scores(self, x: Tensor, encoder: int) -> Tensor:
        """(rows, width) by which latents are selected, dense."""
        return x @ self.encoder[encoder].t() + self.b_enc[encoder]

    def values(self, x: Tensor, encoder: int, scores: Tensor, positions: Tensor) -> Tensor:
        """(nnz,) activations at the selected positions, differentiable."""
        return torch.relu(encode_at(x, self.encoder[encoder], self.b_enc[encoder], scores, positions))

    # The towers.

    def encode_tower(self, x: Tensor, tower: Tower) -> Code:
        """The k selected latents of rows (rows, d) of one tower; those that are not positive keep the value 0."""
        if x.ndim != 2 or x.shape[1] != self.d // 2:
            raise CompanionError(f"{tower} rows of shape {tuple(x.shape)}; this dictionary takes (n, {self.d // 2})")
        encoder = min(TOWERS.index(tower), self.encoders - 1)
        with torch.no_grad():
            scores = self.tower_scores(x, encoder)
            positions = self.select(scores)
        return Code(positions, self.values(x, encoder, scores, positions), len(x), self.width)

    def decoder_of(self, tower: Tower) -> tuple[Tensor, Tensor]:
        decoder = min(TOWERS.index(tower), self.decoders - 1)
        return self.W_dec[decoder], self.b_dec[decoder]

    def decode_tower(self, code: Code, tower: Tower) -> Tensor:
        """The reconstruction (rows, d) of a tower's code, which may be the other tower's."""
        self._check_width(code.width)
        weight, bias = self.decoder_of(tower)
        return decode_at(code.indptr, code.latents, code.values, weight) + bias

    def encode(self, x: Tensor) -> Code:
        """Refused: a pair has two codes."""
        raise CompanionError("a dictionary of pairs encodes one tower at a time; use `encode_tower` or `codes`")

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction (rows, 2 d) of pairs (rows, 2 d)."""
        return self.loss(x, torch.zeros(0, dtype=torch.int64)).reconstruction

    # Training.

    def loss(self, x: Tensor, dead: Tensor) -> Step:
        """The two squared errors, and what the recipe adds. `fired` counts both towers, so L0 is that of a pair."""
        parts = dict(zip(TOWERS, x.chunk(2, dim=1), strict=True))
        codes = {tower: self.encode_tower(part, tower) for tower, part in parts.items()}
        reconstruction = torch.cat([self.decode_tower(code, tower) for tower, code in codes.items()], dim=1)
        loss = squared_error(x, reconstruction) + sum(self.penalty(code) for code in codes.values())
        return Step(loss, reconstruction.detach(), sum(code.counts() for code in codes.values()))  # type: ignore[arg-type]

    def penalty(self, code: Code) -> Tensor | float:
        """What a recipe adds to the loss for each tower's code."""
        return 0.0

    def normalise_decoder(self) -> None:
        """Nothing: rows keep their norm."""

    def tangent_gradient(self) -> None:
        """Nothing: no norm is restored."""

    @torch.no_grad()
    def rescale(self, factor: float) -> None:
        """As the base: codes and reconstruction grow by the factor."""
        self.b_enc.mul_(factor)
        self.b_dec.mul_(factor)


class Angular(TwoTowers):
    """Encoders that see directions only: latents are selected by cos(x, w), and have a function of it as activation.

    No bias, no norm of inputs or weights. A row of norm zero has the cosine 0 with everything.
    """

    def __init__(self, config: SAEConfig, d: int) -> None:
        super().__init__(config, d)
        self.register_parameter("b_enc", None)

    def activation(self, cosine: Tensor) -> Tensor:
        """The activation of a selected latent, an increasing function of the cosine."""
        raise NotImplementedError

    def directions(self, encoder: int = 0) -> Tensor:
        """(width, d) encoder rows of unit norm."""
        return nn.functional.normalize(self.encoder[encoder], dim=1)

    def tower_scores(self, x: Tensor, encoder: int) -> Tensor:
        return nn.functional.normalize(x, dim=1) @ self.directions(encoder).t()

    def values(self, x: Tensor, encoder: int, scores: Tensor, positions: Tensor) -> Tensor:
        zero = scores.new_zeros(self.width)
        return self.activation(
            encode_at(nn.functional.normalize(x, dim=1), self.directions(encoder), zero, scores, positions)
        )

    @torch.no_grad()
    def rescale(self, factor: float) -> None:
        """Codes do not depend on the scale, so the decoders take all of it."""
        self.W_dec.mul_(factor)
        self.b_dec.mul_(factor)
