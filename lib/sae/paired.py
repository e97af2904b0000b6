"""One dictionary for all members of a pair: shared encoder and decoder, one bias for all modalities or one for each.

Kaushik et al. 2026, arXiv 2601.20028, section 2: h_m = (x_m - b_m) W_enc + b_enc, x_hat_m = f(h_m) W_dec + b_m. With a
single bias this is the plain dictionary trained on both modalities (`SAE-1b`), with one each `SAE-2b`; the paper does
not say which its baseline is. The error is summed over the members of a pair and averaged over pairs. AuxK is left out:
at the paper's settings it never fires.

A row of one modality is encoded by `of(modality)`, an ordinary dictionary with that modality's bias.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from lib.data.errors import CompanionError
from lib.encoders.embeddings import Embeddings, Tower
from lib.sae.base import SAE, Step
from lib.sae.batch_topk import BatchTopK
from lib.sae.codes import SparseCodes
from lib.sae.config import PairedConfig, SAEConfig
from lib.sae.geometric_median import geometric_median
from lib.sae.matryoshka import Matryoshka
from lib.sae.sparse import Code
from lib.sae.topk import TopK


class Paired(TopK):
    """What all shared dictionaries have; which pre-activations are active, the class beside it says.

    biases: (1 or modalities, d). The rows reach the rest centred, so `b_dec` is zero and is not trained.
    """

    config: PairedConfig
    plain: ClassVar[str]
    """The recipe of one modality's view."""

    def __init__(self, config: PairedConfig, d: int) -> None:
        super().__init__(config, d)
        del self.b_dec
        self.register_buffer("b_dec", torch.zeros(d), persistent=False)
        self.biases = nn.Parameter(torch.zeros(config.biases, d))

    @property
    def members(self) -> int:
        """Number of modalities."""
        return len(self.config.modalities)

    @torch.no_grad()
    def initialise(self, sample: Tensor, generator: torch.Generator) -> None:
        """As the base on pairs (n, modalities, d), each bias the geometric median of the rows that it serves."""
        if sample.ndim != 3 or sample.shape[1] != self.members:
            names = ", ".join(self.config.modalities)
            raise CompanionError(f"training rows of shape {tuple(sample.shape)}; give (n, {self.members}, d): {names}")
        parts = [sample.flatten(0, 1)] if len(self.biases) == 1 else sample.unbind(dim=1)
        super().initialise(parts[0], generator)
        self.b_dec.zero_()
        self.biases.copy_(torch.stack([geometric_median(part) for part in parts]))

    def hide(self, pre: Tensor) -> Tensor:
        """Pre-activations (pairs * modalities, width) that a training step selects from."""
        return pre

    def added(self, code: Code) -> Tensor:
        """The scalar that the recipe adds to the error; row `pair * modalities + m` of the code is member m."""
        return code.values.new_zeros(())

    def loss(self, x: Tensor, dead: Tensor) -> Step:
        """Squared error of the pairs (pairs, modalities, d), summed over members, and what the recipe adds."""
        rows = (x - self.biases).flatten(0, 1)
        with torch.no_grad():
            pre = self.hide(self.pre_activations(rows))
            positions = self.select(pre)
        code = self.code_at(rows, pre, positions)
        code = replace(code, values=torch.relu(code.values))
        reconstruction, error = self.reconstruction_loss(rows, code)
        loss = self.members * error + self.config.penalty * self.added(code)
        values = code.values.detach()
        smallest = torch.where(values > 0, values, torch.inf).min()
        whole = reconstruction.detach().view_as(x) + self.biases.detach()
        return Step(loss, whole, code.counts(), smallest)

    @torch.no_grad()
    def rescale(self, factor: float) -> None:
        """As the base, and the biases with it."""
        super().rescale(factor)
        self.biases.mul_(factor)

    # One modality at a time.

    def of(self, modality: str) -> SAE:
        """An ordinary dictionary for one modality, on the same memory but for its bias."""
        from lib.sae.recipes import build

        names = self.config.modalities
        if modality not in names:
            raise CompanionError(f"no modality {modality!r} in this dictionary; known: {', '.join(names)}")
        shared = {field.name: getattr(self.config, field.name) for field in fields(SAEConfig)}
        one = build(SAEConfig(**{**shared, "recipe": self.plain}), self.d)
        one.encoder, one.W_dec, one.b_enc = self.encoder, self.W_dec, self.b_enc
        one.b_dec = nn.Parameter(self.biases[names.index(modality) % len(self.biases)].detach())
        if isinstance(one, BatchTopK):
            one.threshold = self.get_buffer("threshold")
        return one.eval()

    def codes(self, embeddings: Embeddings, tower: Tower = "image", batch: int = 1024) -> SparseCodes:
        """The sparse codes of all rows of a tower, with its own bias."""
        return self.of(tower).codes(embeddings, tower, batch)

    def encode(self, x: Tensor) -> Code:
        """Refused: a row without its modality has no bias."""
        raise CompanionError("a shared dictionary encodes one modality at a time; use `of(modality)`")

    def reconstruct(self, codes: SparseCodes, tower: Tower = "image", *, batch: int = 4096) -> np.ndarray:
        """The (n, d) float32 reconstruction of codes of a tower, with its own bias."""
        return self.of(tower).reconstruct(codes, batch=batch)


class PairedTopK(Paired):
    """The k largest of each row: SAE-1b and SAE-2b."""

    plain: ClassVar[str] = "topk"


class PairedBatchTopK(Paired, BatchTopK):
    """The k largest a row on average over all members of the batch, and one threshold for all modalities."""

    plain: ClassVar[str] = "batch_topk"


class PairedMatryoshka(Paired, Matryoshka):
    """PairedBatchTopK with nested prefixes."""

    plain: ClassVar[str] = "matryoshka"
