"""One dictionary for all members of a pair: shared encoder and decoder, one bias for all modalities or one for each.

Kaushik et al. 2026, arXiv 2601.20028, section 2: h_m = (x_m - b_m) W_enc + b_enc, x_hat_m = f(h_m) W_dec + b_m. With a
single bias this is the plain dictionary trained on both modalities (`SAE-1b`), with one each it is `SAE-2b`; the paper
does not say which one its baseline is. The error is summed over the members of a pair and averaged over pairs. There is
no AuxK, since at the paper's settings it never has an effect.

A row is encoded with the bias of its modality: `encode_tower`, or `of(modality)`, which is an ordinary dictionary.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lib.base.errors import CompanionError
from lib.encoders.embeddings import Tower
from lib.sae.base import SAE, Kind, Step
from lib.sae.config import PairedConfig, SAEConfig
from lib.sae.geometric_median import geometric_median
from lib.sae.models.batch_topk import BatchTopK, BatchTopKSelection
from lib.sae.models.matryoshka import Matryoshka, NestedSelection
from lib.sae.models.topk import Selection, TopK, TopKSelection
from lib.sae.sparse import Code


class Paired(Selection):
    """The base of all shared dictionaries, which train on batches (pairs, modalities, d).

    biases: (1 or modalities, d). They are subtracted from rows before encoding.
    """

    kind: ClassVar[Kind] = "paired"
    grows: ClassVar[tuple[str, ...]] = ("b_enc", "biases")
    view: ClassVar[type[SAE]]
    """The ordinary dictionary with the same selection."""
    view_recipe: ClassVar[str]
    """The name of the recipe of that ordinary dictionary."""

    config: PairedConfig

    def __init__(self, config: PairedConfig, d: int) -> None:
        super().__init__(config, d)
        self.biases = nn.Parameter(torch.zeros(config.biases, d))

    @property
    def offset(self) -> Tensor:
        """The biases, (stacked, biases, d); training rows are the members of pairs in turn."""
        return self.biases.view(-1, self.config.biases, self.d)

    @property
    def members(self) -> int:
        """Number of modalities."""
        return len(self.config.modalities)

    @torch.no_grad()
    def initialise(self, sample: Tensor, generator: torch.Generator) -> None:
        """Initialise as `Linear` does, with each bias at the geometric median of the rows that it serves."""
        super().initialise(sample, generator)
        parts = [sample.flatten(0, 1)] if len(self.biases) == 1 else sample.unbind(dim=1)
        self.biases.copy_(torch.stack([geometric_median(part) for part in parts]))

    # Training.

    def hide_latents(self, pre: Tensor) -> Tensor:
        """Return the pre-activations (pairs * modalities, width) from which a training step selects; by default all."""
        return pre

    def penalty(self, code: Code) -> Tensor:
        """Return the recipe's addition to the error, a scalar, before its weight `config.penalty`; by default, 0.

        Row `pair * modalities + m` of the code is member m of a pair.
        """
        return code.values.new_zeros(())

    def loss(self, x: Tensor, dead: Tensor) -> Step:
        """Squared error of the pairs (pairs, modalities, d), summed over members, plus the recipe's penalty."""
        by_dictionary = x.view(self.stacked, -1, self.members, self.d)
        rows = (by_dictionary - self.offset[:, None]).view(-1, self.d)
        with torch.no_grad():
            pre = self.hide_latents(self.pre_activations(rows))
        code = self.selected_code(rows.detach(), pre)
        reconstruction, error = self.reconstruction_loss(rows, code)
        loss = self.members * error
        if self.config.penalty:
            loss = loss + self.config.penalty * self.penalty(code)
        shifted = (reconstruction.detach().view_as(by_dictionary) + self.offset.detach()[:, None]).view_as(x)
        return Step(self.stacked * loss, shifted, code.counts(self.stacked), self.smallest_of(code))

    # One modality at a time.

    def encode_tower(self, x: Tensor, tower: Tower) -> Code:
        """Compute the sparse code of rows (rows, d) of one modality, as at inference."""
        self._check_rows(x)
        return self.active_code(x - self._bias_of(tower))

    def decoder_of(self, tower: Tower) -> tuple[Tensor, Tensor]:
        """Return the shared W_dec and the modality's bias."""
        return self.W_dec, self._bias_of(tower)

    def of(self, modality: str) -> SAE:
        """Make an ordinary dictionary for one modality that shares this one's memory."""
        bias = self._bias_of(modality).detach()
        shared: dict[str, Any] = {field.name: getattr(self.config, field.name) for field in fields(SAEConfig)}
        one = self.view(SAEConfig(**{**shared, "recipe": self.view_recipe}), self.d)
        one.encoder, one.W_dec, one.b_enc, one.b_dec = self.encoder, self.W_dec, self.b_enc, nn.Parameter(bias)
        for name, buffer in self.named_buffers():
            setattr(one, name, buffer)
        return one.eval()

    def _bias_of(self, modality: str) -> Tensor:
        names = self.config.modalities
        if modality not in names:
            raise CompanionError(f"no modality {modality!r} in this dictionary; known: {', '.join(names)}")
        return self.biases[names.index(modality) % len(self.biases)]


class PairedTopK(TopKSelection, Paired):
    """Keeps the k largest of each row: SAE-1b and SAE-2b."""

    view: ClassVar[type[SAE]] = TopK
    view_recipe: ClassVar[str] = "topk"


class PairedBatchTopK(BatchTopKSelection, Paired):
    """Keeps the k largest per row on average over all members of the batch; one threshold serves all modalities."""

    view: ClassVar[type[SAE]] = BatchTopK
    view_recipe: ClassVar[str] = "batch_topk"


class PairedMatryoshka(NestedSelection, Paired):
    """PairedBatchTopK with nested prefixes."""

    view: ClassVar[type[SAE]] = Matryoshka
    view_recipe: ClassVar[str] = "matryoshka"
