"""TopK dictionary: the k largest pre-activations of each row.

Loss |x - x_hat|^2 + 1/32 AuxK (Gao et al. 2024, arXiv 2406.04093, section 2.3 and appendix A.2). A ReLU follows the
selection, so a row with fewer than k positive pre-activations has fewer active latents.

Here, too, is what all dictionaries that train by a selection have in common. A selection is a class that one-tower and
paired dictionaries take beside their kind: `TopK` is `TopKSelection` with `SelectiveSAE`, `PairedTopK` is
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
    """A dictionary whose training step keeps some pre-activations and touches no others."""

    @abstractmethod
    def select(self, pre: Tensor) -> Tensor:
        """Increasing positions (row * width + latent) that a training step keeps of pre-activations (rows, width)."""

    def smallest_of(self, code: Code) -> Tensor | None:
        """(stacked,) the least positive activations of a step, where `after_step` needs them; here, nothing does."""
        return None

    def selected_code(self, x: Tensor, pre: Tensor) -> Code:
        """The selected pre-activations after a ReLU as a differentiable code; pre: (rows, width), to select by."""
        with torch.no_grad():
            pattern, centred = Pattern(self.select(pre), len(x), self.width), self.centred(x)
            known = pattern.take(pre) if pre.dtype == x.dtype else None  # in full precision
        weight, bias = self.encoder.view(-1, self.d), self.b_enc.flatten()
        values = encode_at(centred, weight, bias, pattern.in_blocks(self.stacked), known, self.offset)
        return Code(pattern, torch.relu(values))

    def reconstruction_loss(self, x: Tensor, code: Code) -> tuple[Tensor, Tensor]:
        """The reconstruction (rows, d) and its squared error."""
        reconstruction = self.decode(code)
        return reconstruction, squared_error(x, reconstruction)


class TopKSelection(Selection):
    """s keeps the k largest of each row."""

    def select(self, pre: Tensor) -> Tensor:
        """Positions of the k largest of each row, increasing."""
        return largest_of_rows(pre, self.config.k)

    def active(self, pre: Tensor) -> Tensor:
        """The selected ones that are positive."""
        positions = self.select(pre)
        return positions[pre.flatten().index_select(0, positions) > 0]


class SelectiveSAE(Selection, SAE):
    """A one-tower dictionary that trains by its selection, its dead latents by AuxK."""

    aux_weight: ClassVar[float]

    def loss(self, x: Tensor, dead: Tensor) -> Step:
        """Squared error of the selection, and AuxK."""
        code = self.selected_code(x, self.scores(x))
        reconstruction, error = self.reconstruction_loss(x, code)
        reconstruction, loss = reconstruction.detach(), self.stacked * error
        if len(dead):
            loss = loss + self.aux_weight * aux_loss(self, x, x - reconstruction, dead)
        return Step(loss, reconstruction, code.counts(self.stacked), self.smallest_of(code))


class TopK(TopKSelection, SelectiveSAE):
    """The k largest of each row, and AuxK with Gao et al.'s weight."""

    aux_weight: ClassVar[float] = 1 / 32


def aux_loss(sae: SAE, x: Tensor, residual: Tensor, dead: Tensor) -> Tensor:
    """AuxK, a scalar: dead latents learn to reconstruct what the live ones leave over.

    Gao et al. 2024, appendix A.2: |e - e_hat|^2 with e the residual, a constant here, and e_hat decoded, without the
    decoder bias, from the d/2 largest dead pre-activations; divided by the variance of e. Only dead latents are
    touched. x, residual: (batch, d). dead: (m,) numbers of the dead latents, one or more;
    where dictionaries are stacked, numbered through, and the sum of all is returned.
    """
    stacked, d = sae.stacked, sae.d
    residuals, rows = residual.detach().view(stacked, -1, d), sae.centred(x).view(stacked, -1, d)
    encoder, decoder = sae.encoder.view(-1, d)[dead], sae.W_dec.view(-1, d)[dead]
    counts = torch.bincount(dead // sae.width, minlength=stacked).tolist()
    parts = zip(*(part.split(counts) for part in (encoder, sae.b_enc.flatten()[dead], decoder)), strict=True)
    every = zip(rows, residuals, parts, strict=True)
    return torch.stack([_aux_loss(x, left, *part) for x, left, part in every if len(part[0])]).sum()


def _aux_loss(rows: Tensor, residual: Tensor, encoder: Tensor, bias: Tensor, decoder: Tensor) -> Tensor:
    """`aux_loss` of one dictionary by what its dead latents have, (m, d) and (m,); rows: (batch, d), centred."""
    pre = nn.functional.linear(rows, encoder, bias)
    acts = torch.relu(pre)
    k = rows.shape[1] // 2
    if k < len(bias):
        top = pre.topk(k, dim=1, sorted=False).indices
        acts = acts * torch.zeros_like(pre).scatter_(1, top, 1.0)
    variance = batch_mean((residual - batch_mean(residual)).square().sum(dim=1))
    spread = (variance > 0).to(rows.dtype)  # a batch of one row, or no residual: nothing to explain
    return spread * squared_error(residual, acts @ decoder) / (variance + 1 - spread)
