"""The base of all dictionaries: the parts that all kinds share, the linear machinery, the dictionary of one tower."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from typing import ClassVar, Literal, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from lib.base.errors import CompanionError
from lib.encoders.embeddings import Embeddings, Tower
from lib.sae.codes import SparseCodes
from lib.sae.config import SAEConfig
from lib.sae.geometric_median import geometric_median
from lib.sae.sparse import Code, Pattern, decode_at, dense_products, encode_at

Kind = Literal["one-tower", "two-tower", "paired"]
Matrix = TypeVar("Matrix", np.ndarray, Tensor)


class Step(NamedTuple):
    """The result of one training batch."""

    loss: Tensor
    """The scalar to differentiate."""
    reconstruction: Tensor
    """The reconstruction, of the shape of the batch, detached."""
    fired: Tensor
    """(width,) number of rows in which each latent is active."""
    smallest: Tensor | None = None
    """The smallest positive activation of the batch, infinite if there is none; only BatchTopK needs it."""


class Dictionary(nn.Module, ABC):
    """A sparse dictionary of any kind: latents that encode rows of d numbers, and decoders that reconstruct them.

    The kind says which rows these are: those of one tower (`SAE`), or those of all members of a pair, with parameters
    that the members share (`Paired`) or that each tower may have for itself (`TwoTowers`). Training takes batches of
    the kind's shape; codes of a data set are computed for one tower at a time.
    """

    kind: ClassVar[Kind]
    grows: ClassVar[tuple[str, ...]] = ("b_enc", "b_dec")
    """Parameters that grow in proportion to the scale of the rows."""

    encoder: nn.Parameter
    W_dec: nn.Parameter

    def __init__(self, config: SAEConfig, d: int) -> None:
        super().__init__()
        if d < 1:
            raise CompanionError(f"inputs of {d} dimensions; give at least 1")
        self.config = config
        self.d = d
        """The number of dimensions of a row."""
        self.bf16 = False
        """Whether the encoder product runs in bfloat16; the trainer sets it and unsets it."""

    @property
    def width(self) -> int:
        """Number of latents."""
        return self.config.width

    @property
    @abstractmethod
    def stacked(self) -> int:
        """Number of dictionaries that the parameters hold, one after the other: 1 unless seeds are trained together."""

    # Training.

    @property
    def norm(self) -> float:
        """The root mean square norm that rows have in training."""
        return 1.0

    @abstractmethod
    def initialise(self, sample: Tensor, generator: torch.Generator) -> None:
        """Set the parameters before the first step. sample: scaled training rows of the kind's shape."""

    @abstractmethod
    def loss(self, x: Tensor, dead: Tensor) -> Step:
        """Compute the training step on a scaled batch. dead: (m,) numbers of the silent latents."""

    def before_step(self) -> None:
        """Change the gradients that the optimiser is about to use; by default, leave them."""

    def after_step(self, out: Step, step: int, steps: int) -> None:
        """Restore what the optimiser broke, after `step` of `steps`; by default, do nothing."""

    @torch.no_grad()
    def rescale(self, factor: float) -> None:
        """Turn a dictionary for x / factor into the same one for x: codes and reconstruction grow by the factor."""
        for name in self.grows:
            getattr(self, name).mul_(factor)

    @staticmethod
    def as_rows(batch: Matrix) -> Matrix:
        """View a batch as the rows (rows, d) for which training computes the scale, L0 and silent latents."""
        return batch.reshape(-1, batch.shape[-1])

    # One tower at a time.

    @abstractmethod
    def encode_tower(self, x: Tensor, tower: Tower) -> Code:
        """Compute the sparse code of rows (rows, d) of one tower, as at inference."""

    @abstractmethod
    def decoder_of(self, tower: Tower) -> tuple[Tensor, Tensor]:
        """Return the matrix (width, d) and the bias (d,) that reconstruct a tower."""

    @torch.no_grad()
    def codes(self, embeddings: Embeddings, tower: Tower = "image", batch: int = 1024) -> SparseCodes:
        """Compute the sparse codes of all rows of a tower, in chunks of `batch` rows.

        Memory grows with the active entries and with batch x width.
        """
        matrix = as_tensor(embeddings.tower(tower))
        parts = [self.encode_tower(part.to(self.W_dec.device), tower) for part in matrix.split(batch)]
        counts = torch.cat([torch.diff(part.pattern.indptr).cpu() for part in parts])
        return SparseCodes(
            ids=embeddings.ids,
            indptr=np.concatenate([[0], counts.cumsum(0).numpy()]),
            indices=torch.cat([part.pattern.latents for part in parts]).cpu().numpy(),
            values=torch.cat([part.values for part in parts]).cpu().numpy(),
            width=self.width,
        )

    @torch.no_grad()
    def reconstruct(self, codes: SparseCodes, tower: Tower = "image", *, batch: int = 4096) -> np.ndarray:
        """Reconstruct codes of a tower, which may be edited ones, to float32 (n, d)."""
        self._check_width(codes.width)
        weight, bias = self.decoder_of(tower)
        out = np.empty((len(codes), weight.shape[1]), np.float32)
        device = weight.device
        for start in range(0, len(codes), batch):
            bounds = codes.indptr[start : start + batch + 1]
            entries = slice(int(bounds[0]), int(bounds[-1]))
            rows = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
            positions = torch.as_tensor(rows * codes.width + codes.indices[entries]).to(device)
            values = torch.as_tensor(codes.values[entries], dtype=torch.float32).to(device)
            decoded = decode_at(Pattern(positions, len(bounds) - 1, codes.width), values, weight) + bias
            out[start : start + batch] = decoded.cpu().numpy()
        return out

    def _check_rows(self, x: Tensor) -> None:
        if x.ndim != 2 or x.shape[1] != self.d:
            raise CompanionError(f"input of shape {tuple(x.shape)}; this dictionary takes (n, {self.d})")

    def _check_width(self, width: int) -> None:
        if width != self.width:
            raise CompanionError(f"codes of {width} latents for a dictionary of {self.width}; encode with this one")


class Linear(Dictionary):
    """One linear encoder and one linear decoder: f(x) = s(x W_enc + b_enc), x_hat = f(x) W_dec.

    W_enc is (d, width), stored as its transpose `encoder`; W_dec is (width, d), with rows of unit norm. The kind
    defines the bias of the rows, which is subtracted before and added after: see `centred` and `shifted`.
    """

    def __init__(self, config: SAEConfig, d: int) -> None:
        super().__init__(config, d)
        self.encoder = nn.Parameter(torch.zeros(config.width, d))  # W_enc by latent, as its sparse gradient is
        self.W_dec = nn.Parameter(torch.zeros(config.width, d))
        self.b_enc = nn.Parameter(torch.zeros(config.width))

    @property
    def W_enc(self) -> Tensor:  # noqa: N802
        """The encoder (d, width)."""
        return self.encoder.t()

    @torch.no_grad()
    def initialise(self, sample: Tensor, generator: torch.Generator) -> None:
        """Set random unit decoder rows, the encoder to their transpose, and no encoder bias."""
        self.W_dec.copy_(torch.randn(self.W_dec.shape, generator=generator))
        self.normalise_decoder()
        self.encoder.copy_(self.W_dec)
        self.b_enc.zero_()

    @property
    def stacked(self) -> int:
        """Number of dictionaries that the parameters hold, one after the other: 1 unless seeds are trained together."""
        return self.W_dec.numel() // (self.width * self.d)

    @property
    @abstractmethod
    def offset(self) -> Tensor:
        """The bias of the rows, (stacked, m, d): in training, row i is centred by bias i % m."""

    def centred(self, x: Tensor) -> Tensor:
        """Return rows as the encoder takes them: unchanged, unless the kind subtracts a bias here."""
        return x

    def shifted(self, x: Tensor) -> Tensor:
        """Add to decoded rows (..., d) what `centred` subtracted."""
        return x

    @abstractmethod
    def active(self, pre: Tensor) -> Tensor:
        """Return the increasing positions (row * width + latent) of the active pre-activations (rows, width)."""

    def pre_activations(self, x: Tensor) -> Tensor:
        """Compute centred(x) W_enc + b_enc, dense (rows, width)."""
        rows = self.centred(x)
        encoder, bias = self.encoder.view(-1, self.width, self.d), self.b_enc.view(-1, self.width)
        if not self.bf16:
            return dense_products(rows, encoder, bias)
        with torch.autocast(x.device.type, torch.bfloat16):
            products = dense_products(rows, encoder, None)
        return (products.to(x.dtype).view(len(bias), -1, self.width) + bias[:, None]).view_as(products)

    @torch.no_grad()
    def scores(self, x: Tensor) -> Tensor:
        """Compute the pre-activations (rows, width) that select the latents; in bfloat16 where `bf16` is set.

        bfloat16 has 8 significant bits, so latents whose pre-activations differ by less than about a hundredth of the
        row's largest may change places. Only the selection is affected: the values have full precision.
        """
        if not self.bf16:
            return self.pre_activations(x)
        rows, encoder, bias = (tensor.bfloat16() for tensor in (self.centred(x), self.encoder, self.b_enc))
        return dense_products(rows, encoder.view(-1, self.width, self.d), bias.view(-1, self.width))

    def active_code(self, x: Tensor) -> Code:
        """Compute the sparse code of rows (rows, d), as at inference."""
        with torch.no_grad():
            pre = self.pre_activations(x)
            pattern = Pattern(self.active(pre), len(x), self.width)
            known = pattern.take(pre)
        return Code(pattern, encode_at(self.centred(x), self.encoder, self.b_enc, pattern, known))

    def decode(self, code: Code) -> Tensor:
        """Compute the reconstruction (rows, d) of a code."""
        self._check_width(code.width)
        rows = decode_at(code.pattern.in_blocks(self.stacked), code.values, self.W_dec.view(-1, self.d))
        return self.shifted(rows)

    # The unit norm of decoder rows.

    def before_step(self) -> None:
        """Remove from the decoder's gradient the part that renormalising would undo."""
        self.tangent_gradient()

    def after_step(self, out: Step, step: int, steps: int) -> None:
        """Scale the decoder rows back to unit norm."""
        self.normalise_decoder()

    @torch.no_grad()
    def normalise_decoder(self) -> None:
        """Scale every decoder row to unit norm."""
        nn.functional.normalize(self.W_dec, dim=-1, out=self.W_dec)

    @torch.no_grad()
    def tangent_gradient(self) -> None:
        """Remove from each decoder row's gradient the part along the row."""
        gradient = self.W_dec.grad
        if gradient is not None:
            along = (gradient * self.W_dec).sum(dim=-1, keepdim=True)
            gradient.addcmul_(along, self.W_dec, value=-1)


class SAE(Linear):
    """A dictionary of one tower: f(x) = s((x - b_dec) W_enc + b_enc), x_hat = f(x) W_dec + b_dec.

    Pach et al. 2025, section 3.1, Eq. 1-2. A recipe says which pre-activations are active (`active`) and which loss
    training minimises (`loss`, on batches (batch, d)).
    """

    kind: ClassVar[Kind] = "one-tower"

    def __init__(self, config: SAEConfig, d: int) -> None:
        super().__init__(config, d)
        self.b_dec = nn.Parameter(torch.zeros(d))

    @torch.no_grad()
    def initialise(self, sample: Tensor, generator: torch.Generator) -> None:
        """Initialise as `Linear` does, with the geometric median of the sample as pre-bias."""
        super().initialise(sample, generator)
        self.b_dec.copy_(geometric_median(sample))

    @property
    def offset(self) -> Tensor:
        """The pre-bias, (stacked, 1, d)."""
        return self.b_dec.view(-1, 1, self.d)

    def centred(self, x: Tensor) -> Tensor:
        """Subtract the pre-bias from rows."""
        return (x.view(self.stacked, -1, self.d) - self.offset).view_as(x)

    def shifted(self, x: Tensor) -> Tensor:
        """Add the pre-bias to rows."""
        return (x.view(self.stacked, -1, self.d) + self.offset).view_as(x)

    def encode(self, x: Tensor) -> Code:
        """Compute the sparse code of rows (rows, d), as at inference."""
        self._check_rows(x)
        return self.active_code(x)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the reconstruction (rows, d) of rows (rows, d)."""
        return self.decode(self.encode(x))

    def encode_tower(self, x: Tensor, tower: Tower) -> Code:
        """Compute `encode`, since the rows of all towers are treated alike."""
        return self.encode(x)

    def decoder_of(self, tower: Tower) -> tuple[Tensor, Tensor]:
        """Return W_dec and b_dec, which serve every tower."""
        return self.W_dec, self.b_dec


def one_tower(sae: Dictionary, purpose: str) -> SAE:
    """Return the dictionary if it encodes rows of one tower, as `purpose` needs; refuse another kind by name."""
    if isinstance(sae, SAE):
        return sae
    remedy = "use its `of(modality)`" if sae.kind == "paired" else "train one such as 'topk'"
    raise CompanionError(f"{purpose} needs a one-tower dictionary, and {sae.config.recipe!r} is {sae.kind}; {remedy}")


def squared_error(x: Tensor, reconstruction: Tensor) -> Tensor:
    """Compute |x - x_hat|^2, summed over dimensions and averaged over rows."""
    return nn.functional.mse_loss(reconstruction, x, reduction="sum") / len(x)


def as_tensor(matrix: np.ndarray) -> Tensor:
    """Make a float32 tensor that shares a matrix's memory and only reads it; a read-only memory map is allowed."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(np.ascontiguousarray(matrix, dtype=np.float32))
