"""TopK dictionary: the k largest pre-activations of each row.

Loss |x - x_hat|^2 + 1/32 AuxK (Gao et al. 2024, arXiv 2406.04093, section 2.3 and appendix A.2). A ReLU follows the
selection, so a row with fewer than k positive pre-activations has fewer active latents.

This module also has the parts that all dictionaries with a selection share. A selection is a class that one-tower and
paired dictionaries combine with their kind: `TopK` is `TopKSelection` with `SelectiveSAE`, and `PairedTopK` is
`TopKSelection` with `Paired`.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from lib.sae.base import SAE, Linear, Step, squared_error
from lib.sae.parallel import batch_mean
from lib.sae.selection import largest_of_rows
from lib.sae.sparse import Code, Pattern, encode_at


class Selection(Linear):
    """A dictionary whose training step keeps some pre-activations and ignores all others."""

    @abstractmethod
    def select(self, pre: Tensor) -> Tensor:
        """Return the increasing positions (row * width + latent) of the pre-activations (rows, width) to keep in
        training.
        """

    def smallest_of(self, code: Code) -> Tensor | None:
        """The smallest positive activations of a step, (stacked,), if `after_step` needs them; by default None."""
        return None

    def selected_code(self, x: Tensor, pre: Tensor) -> Code:
        """Make a differentiable code of the selected pre-activations after a ReLU; pre: (rows, width), used for
        selection.
        """
        with torch.no_grad():
            pattern, centred = Pattern(self.select(pre), len(x), self.width), self.centred(x)
            known = pattern.take(pre) if pre.dtype == x.dtype else None  # in full precision
        weight, bias = self.encoder.view(-1, self.d), self.b_enc.flatten()
        values = encode_at(centred, weight, bias, pattern.in_blocks(self.stacked), known, self.offset)
        return Code(pattern, torch.relu(values))

    def reconstruction_loss(self, x: Tensor, code: Code) -> tuple[Tensor, Tensor]:
        """Return the reconstruction (rows, d) and its squared error."""
        reconstruction = self.decode(code)
        return reconstruction, squared_error(x, reconstruction)


class TopKSelection(Selection):
    """Keeps the k largest of each row."""

    def select(self, pre: Tensor) -> Tensor:
        """Return the increasing positions of the k largest of each row."""
        return largest_of_rows(pre, self.config.k)

    def active(self, pre: Tensor) -> Tensor:
        """Return the selected ones that are positive."""
        positions = self.select(pre)
        return positions[pre.flatten().index_select(0, positions) > 0]


class SelectiveSAE(Selection, SAE):
    """A one-tower dictionary that trains by its selection, and its dead latents by AuxK."""

    aux_weight: ClassVar[float]

    def loss(self, x: Tensor, dead: Tensor) -> Step:
        """Squared error of the selection, plus AuxK."""
        code = self.selected_code(x, self.scores(x))
        reconstruction, error = self.reconstruction_loss(x, code)
        reconstruction, loss = reconstruction.detach(), self.stacked * error
        if len(dead):
            loss = loss + self.aux_weight * aux_loss(self, x, x - reconstruction, dead)
        return Step(loss, reconstruction, code.counts(self.stacked), self.smallest_of(code))


class TopK(TopKSelection, SelectiveSAE):
    """The dictionary that keeps the k largest of each row, with AuxK at the weight of Gao et al."""

    aux_weight: ClassVar[float] = 1 / 32


def aux_loss(sae: SAE, x: Tensor, residual: Tensor, dead: Tensor) -> Tensor:
    """Compute AuxK, a scalar: dead latents learn to reconstruct the residual of the live ones.

    Gao et al. 2024, appendix A.2: |e - e_hat|^2, where e is the residual, a constant here, and e_hat is decoded,
    without the decoder bias, from the d/2 largest dead pre-activations; divided by the variance of e. It involves dead
    latents only. x, residual: (batch, d). dead: (m,) numbers of the dead latents, one or more; stacked dictionaries
    number their latents consecutively, and the sum over all dictionaries is returned.
    """
    stacked, d = sae.stacked, sae.d
    residuals, rows = residual.detach().view(stacked, -1, d), sae.centred(x).view(stacked, -1, d)
    encoder, decoder = sae.encoder.view(-1, d)[dead], sae.W_dec.view(-1, d)[dead]
    counts = torch.bincount(dead // sae.width, minlength=stacked).tolist()
    parts = zip(*(part.split(counts) for part in (encoder, sae.b_enc.flatten()[dead], decoder)), strict=True)
    every = zip(rows, residuals, parts, strict=True)
    return torch.stack([_aux_loss(x, left, *part) for x, left, part in every if len(part[0])]).sum()


def _aux_loss(rows: Tensor, residual: Tensor, encoder: Tensor, bias: Tensor, decoder: Tensor) -> Tensor:
    """Compute `aux_loss` of one dictionary from the weights of its dead latents, (m, d) and (m,); rows: (batch, d),
    centred.
    """
    pre = nn.functional.linear(rows, encoder, bias)
    acts = torch.relu(pre)
    k = rows.shape[1] // 2
    if k < len(bias):
        top = pre.topk(k, dim=1, sorted=False).indices
        acts = acts * torch.zeros_like(pre).scatter_(1, top, 1.0)
    variance = batch_mean((residual - batch_mean(residual)).square().sum(dim=1))
    spread = (variance > 0).to(rows.dtype)  # a batch of one row, or no residual: nothing to explain
    return spread * squared_error(residual, acts @ decoder) / (variance + 1 - spread)
