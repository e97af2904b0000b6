"""The base of all dictionaries: parameters, the sparse code, and what training asks of a recipe."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from lib.data.errors import CompanionError
from lib.encoders.embeddings import Embeddings, Tower
from lib.sae.codes import SparseCodes
from lib.sae.config import SAEConfig
from lib.sae.geometric_median import geometric_median
from lib.sae.sparse import Code, decode_at, encode_at


class Step(NamedTuple):
    """What one training batch gives.

    loss: scalar to differentiate. reconstruction: (batch, d), detached. fired: (width,) rows in which each latent is
    active. smallest: the least positive activation of the batch, infinite if there is none; only BatchTopK asks.
    """

    loss: Tensor
    reconstruction: Tensor
    fired: Tensor
    smallest: Tensor | None = None


class SAE(nn.Module):
    """f(x) = s((x - b_dec) W_enc + b_enc), x_hat = f(x) W_dec + b_dec (Pach et al. 2025, section 3.1, Eq. 1-2).

    W_enc is (d, width), kept as its transpose `encoder`; W_dec is (width, d), its rows of unit norm. A recipe says
    which pre-activations are active (`active`) and what training minimises (`loss`).
    """

    def __init__(self, config: SAEConfig, d: int) -> None:
        super().__init__()
        if d < 1:
            raise CompanionError(f"inputs of {d} dimensions; give at least 1")
        self.config = config
        self.bf16 = False
        """Whether the encoder product runs in bfloat16; the trainer sets it and unsets it."""
        self.encoder = nn.Parameter(torch.zeros(config.width, d))  # W_enc by latent, as its sparse gradient is
        self.W_dec = nn.Parameter(torch.zeros(config.width, d))
        self.b_enc = nn.Parameter(torch.zeros(config.width))
        self.b_dec = nn.Parameter(torch.zeros(d))

    @property
    def d(self) -> int:
        """Dimensions of the input."""
        return self.W_dec.shape[1]

    @property
    def W_enc(self) -> Tensor:  # noqa: N802
        """The encoder (d, width)."""
        return self.encoder.t()

    @property
    def width(self) -> int:
        """Number of latents."""
        return self.W_dec.shape[0]

    @torch.no_grad()
    def initialise(self, sample: Tensor, generator: torch.Generator) -> None:
        """Random unit decoder rows, the encoder their transpose, no encoder bias, pre-bias the geometric median."""
        self.W_dec.copy_(torch.randn(self.W_dec.shape, generator=generator))
        self.normalise_decoder()
        self.encoder.copy_(self.W_dec)
        self.b_enc.zero_()
        self.b_dec.copy_(geometric_median(sample))

    # What a recipe defines.

    def active(self, pre: Tensor) -> Tensor:
        """Increasing positions (row * width + latent) of the active ones among pre-activations (rows, width)."""
        raise NotImplementedError

    def loss(self, x: Tensor, dead: Tensor) -> Step:
        """The training step on scaled rows (batch, d); dead: (m,) numbers of the latents that are silent."""
        raise NotImplementedError

    def after_step(self, out: Step, step: int, steps: int) -> None:
        """Restore what the optimiser broke; `step` of `steps` is the one just made."""
        self.normalise_decoder()

    @torch.no_grad()
    def rescale(self, factor: float) -> None:
        """Turn a dictionary for x / factor into the same one for x: codes and reconstruction grow by the factor."""
        self.b_enc.mul_(factor)
        self.b_dec.mul_(factor)

    # Encoding and decoding of tensors.

    def pre_activations(self, x: Tensor) -> Tensor:
        """(rows, width) = (x - b_dec) W_enc + b_enc, dense."""
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.bf16):
            product = (x - self.b_dec) @ self.W_enc
        product = product.to(x.dtype)
        product += self.b_enc
        return product

    @torch.no_grad()
    def scores(self, x: Tensor) -> Tensor:
        """(rows, width) that a selection looks at: the pre-activations, in bfloat16 if the run is.

        bfloat16 has 8 significant bits, so latents whose pre-activations differ by less than about a hundredth of the
        row's largest may change places. Only the choice is rounded: `code_at` takes the values in full precision.
        """
        if not self.bf16:
            return self.pre_activations(x)
        rounded = (tensor.bfloat16() for tensor in (x - self.b_dec, self.encoder, self.b_enc))
        return nn.functional.linear(*rounded)

    def code_at(self, x: Tensor, pre: Tensor, positions: Tensor) -> Code:
        """The pre-activations at `positions` as a differentiable code; pre: (rows, width), of `scores`."""
        values = encode_at(x - self.b_dec, self.encoder, self.b_enc, pre, positions)
        return Code(positions, values, len(x), self.width)

    def encode(self, x: Tensor) -> Code:
        """The sparse code of rows (rows, d), as at inference."""
        if x.ndim != 2 or x.shape[1] != self.d:
            raise CompanionError(f"input of shape {tuple(x.shape)}; this dictionary takes (n, {self.d})")
        with torch.no_grad():
            pre = self.pre_activations(x)
            positions = self.active(pre)
        return self.code_at(x, pre, positions)

    def decode(self, code: Code) -> Tensor:
        """The reconstruction (rows, d) of a code."""
        self._check_width(code.width)
        return decode_at(code.indptr, code.latents, code.values, self.W_dec) + self.b_dec

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction (rows, d) of rows (rows, d)."""
        return self.decode(self.encode(x))

    # What a dictionary of pairs does apart for each tower; the others treat all rows alike.

    def encode_tower(self, x: Tensor, tower: Tower) -> Code:
        """The sparse code of rows of one tower."""
        return self.encode(x)

    def decoder_of(self, tower: Tower) -> tuple[Tensor, Tensor]:
        """W_dec and b_dec that reconstruct a tower."""
        return self.W_dec, self.b_dec

    # The same for whole data sets, in chunks of `batch` rows.

    @torch.no_grad()
    def codes(self, embeddings: Embeddings, tower: Tower = "image", batch: int = 1024) -> SparseCodes:
        """The sparse codes of all rows of a tower; memory grows with the active entries and with batch x width."""
        matrix = as_tensor(embeddings.tower(tower))
        parts = [self.encode_tower(part.to(self.W_dec.device), tower) for part in matrix.split(batch)]
        counts = torch.cat([torch.diff(part.indptr).cpu() for part in parts])
        return SparseCodes(
            ids=embeddings.ids,
            indptr=np.concatenate([[0], counts.cumsum(0).numpy()]),
            indices=torch.cat([part.latents for part in parts]).cpu().numpy(),
            values=torch.cat([part.values for part in parts]).cpu().numpy(),
            width=self.width,
        )

    @torch.no_grad()
    def reconstruct(self, codes: SparseCodes, tower: Tower = "image", *, batch: int = 4096) -> np.ndarray:
        """The (n, d) float32 reconstruction of codes of a tower, which may be edited ones."""
        self._check_width(codes.width)
        weight, bias = self.decoder_of(tower)
        out = np.empty((len(codes), weight.shape[1]), np.float32)
        device = weight.device
        for start in range(0, len(codes), batch):
            bounds = torch.as_tensor(codes.indptr[start : start + batch + 1])
            entries = slice(int(bounds[0]), int(bounds[-1]))
            indptr = (bounds - bounds[0]).int().to(device)
            latents = torch.as_tensor(codes.indices[entries]).int().to(device)
            values = torch.as_tensor(codes.values[entries], dtype=torch.float32).to(device)
            rows = decode_at(indptr, latents, values, weight) + bias
            out[start : start + batch] = rows.cpu().numpy()
        return out

    def _check_width(self, width: int) -> None:
        if width != self.width:
            raise CompanionError(f"codes of {width} latents for a dictionary of {self.width}; encode with this one")

    # The unit norm of decoder rows.

    @torch.no_grad()
    def normalise_decoder(self) -> None:
        """Give every decoder row unit norm."""
        nn.functional.normalize(self.W_dec, dim=1, out=self.W_dec)

    @torch.no_grad()
    def tangent_gradient(self) -> None:
        """Remove from each decoder row's gradient the part along the row, which renormalising would undo."""
        gradient = self.W_dec.grad
        if gradient is not None:
            along = (gradient * self.W_dec).sum(dim=1, keepdim=True)
            gradient.addcmul_(along, self.W_dec, value=-1)


def squared_error(x: Tensor, reconstruction: Tensor) -> Tensor:
    """|x - x_hat|^2: summed over dimensions, averaged over rows."""
    return (x - reconstruction).square().sum(dim=1).mean()


def as_tensor(matrix: np.ndarray) -> Tensor:
    """A float32 tensor on the memory of a matrix, which is only read; a read-only memory map is fine."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(np.ascontiguousarray(matrix, dtype=np.float32))
