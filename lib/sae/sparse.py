"""The sparse training step: after one dense encoder product, all work touches only the selected entries.

A code has values at the entries of a pattern, some positions in the (rows, width) matrix of pre-activations. Decoding
and all gradients are products of sparse matrices with that pattern (Gao et al. 2024, arXiv 2406.04093, appendix D, has
the same savings as GPU kernels):

    decode            sparse (rows, width) @ W_dec
    gradient of codes dense-dense product at the pattern only
    weight gradients  its transpose (width, rows) @ dense

On a CPU the first and the last are `embedding_bag` without its own gradients, which takes half of the time of torch's
CSR product. Measured on one core at d 512, width 4096, k 32, batch 2048 each takes 2 to 4 ms against 100 ms for the
dense product; gathers with `bmm` or `index_add` take 40 ms and more.
"""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

with warnings.catch_warnings():  # torch says once a process that CSR tensors are in beta; it says it here, unheard
    warnings.simplefilter("ignore")
    torch.zeros(1, 1).to_sparse_csr()


@dataclass(frozen=True)
class Pattern:
    """Which entries of a matrix (rows, width) are active, and the indices that products with it need, made once."""

    positions: Tensor
    """(nnz,) int64, row * width + latent, increasing."""
    rows: int
    """Rows of the matrix."""
    width: int
    """Columns of the matrix: the latents."""

    @cached_property
    def entry_rows(self) -> Tensor:
        """(nnz,) int64, the row of each entry."""
        return self.positions // self.width

    @cached_property
    def latents(self) -> Tensor:
        """(nnz,) int32, the latent of each entry."""
        return (self.positions - self.entry_rows * self.width).int()

    @cached_property
    def indptr(self) -> Tensor:
        """(rows + 1,) int32, where the entries of each row begin."""
        starts = torch.arange(self.rows + 1, device=self.positions.device) * self.width
        return torch.searchsorted(self.positions, starts, out_int32=True)

    @cached_property
    def order(self) -> Tensor:
        """(nnz,) int64, the entries ordered by latent, those of one latent as they stand."""
        if self.latents.device.type != "cpu" or self.width > 2**16:
            return self.latents.argsort(stable=True)
        return torch.from_numpy(np.argsort(self.latents.numpy().astype(np.uint16), kind="stable"))  # radix: a sixth

    @cached_property
    def latent_starts(self) -> Tensor:
        """(width + 1,) int32, where the entries of each latent begin in `order`."""
        ends = torch.bincount(self.latents, minlength=self.width).cumsum(0)
        return torch.cat([ends.new_zeros(1), ends]).int()

    @cached_property
    def rows_by_latent(self) -> Tensor:
        """(nnz,) int32, the row of each entry in `order`."""
        return self.entry_rows.index_select(0, self.order).int()

    def take(self, dense: Tensor) -> Tensor:
        """(nnz,) the entries of a dense matrix (rows, width)."""
        return dense.flatten().index_select(0, self.positions)

    def in_blocks(self, blocks: int) -> Pattern:
        """The pattern (rows, blocks * width) of a block-diagonal matrix: equal runs of rows, each with own columns."""
        if blocks == 1:
            return self
        if blocks not in self._blocks:
            columns = self.entry_rows // (self.rows // blocks) * self.width + self.latents
            positions = self.entry_rows * (blocks * self.width) + columns
            self._blocks[blocks] = Pattern(positions, self.rows, blocks * self.width)
        return self._blocks[blocks]

    @cached_property
    def _blocks(self) -> dict[int, Pattern]:
        return {}

    def split_rows(self, ends: Sequence[int]) -> Pattern:
        """The pattern (rows * parts, width) that has a row for each part of a row; ends: of the parts, to the width."""
        part = torch.bucketize(self.latents, self.latents.new_tensor(ends), right=True)
        rows = self.entry_rows * len(ends) + part
        return Pattern(rows * self.width + self.latents, self.rows * len(ends), self.width)


@dataclass(frozen=True)
class Code:
    """Active entries of a batch."""

    pattern: Pattern
    """Where they are."""
    values: Tensor
    """(nnz,) activations there."""

    @property
    def rows(self) -> int:
        """Rows of the dense matrix that the code stands for."""
        return self.pattern.rows

    @property
    def width(self) -> int:
        """Columns of that matrix: the latents."""
        return self.pattern.width

    def dense(self) -> Tensor:
        """The (rows, width) matrix; for small cases."""
        zeros = self.values.new_zeros(self.rows * self.width)
        return zeros.index_put((self.pattern.positions,), self.values).view(self.rows, self.width)

    def counts(self, blocks: int = 1) -> Tensor:
        """(blocks * width,) number of rows in which each latent is above zero, by equal runs of rows."""
        fired = (self.values.detach() > 0).float()
        latents = self.pattern.in_blocks(blocks).latents
        return fired.new_zeros(blocks * self.width).index_add_(0, latents, fired)


def dense_products(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """(rows, width), the products of rows (rows, d), cut into as many equal runs as there are weights, with one each.

    weight: (weights, width, d). bias: (weights, width) or None.
    """
    if len(weight) == 1:
        return nn.functional.linear(rows, weight[0], None if bias is None else bias[0])
    runs = rows.view(len(weight), -1, rows.shape[1])
    products = torch.bmm(runs, weight.mT) if bias is None else torch.baddbmm(bias[:, None], runs, weight.mT)
    return products.flatten(0, 1)


def encode_at(
    centred: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    pattern: Pattern,
    known: Tensor | None,
    offset: Tensor | None = None,
) -> Tensor:
    """Pre-activations (nnz,) at the entries of a pattern, with gradients to the encoder and the input.

    centred: (rows, d) input minus pre-bias. weight: (width, d). bias: (width,) or None. known: (nnz,) the values
    `centred @ weight.T + bias` if they have been made for selection; they are read, not differentiated. None makes
    them, at the entries only. offset: (blocks, m, d), the pre-bias if nothing but it needs the gradient of `centred`:
    row i was centred by bias i % m of its block, and it gets the gradient by a short way, in sums over rows. A block is
    a part of the weight with the rows whose entries are in it.
    """
    return _EncodeAt.apply(centred, weight, bias, pattern, known, offset)


def decode_at(pattern: Pattern, values: Tensor, weight: Tensor) -> Tensor:
    """Sum over each row's entries of value times `weight[latent]`: (rows, d), with gradients to values and weight.

    values: (nnz,). weight: (width, d).
    """
    return _DecodeAt.apply(values, weight, pattern)


class _EncodeAt(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        centred: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        pattern: Pattern,
        known: Tensor | None,
        offset: Tensor | None,
    ) -> Tensor:
        values = known
        if values is None:
            values = _sampled(pattern, centred, weight)
            values = values if bias is None else values + bias.index_select(0, pattern.latents)
        ctx.save_for_backward(centred, weight)
        ctx.pattern, ctx.offsets = pattern, (1, 1) if offset is None else offset.shape[:2]
        return values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,), (centred, weight), pattern = gradients, ctx.saved_tensors, ctx.pattern
        centred_gradient = _product(pattern, gradient, weight) if ctx.needs_input_grad[0] else None
        weight_gradient = _transposed_product(pattern, gradient, centred)
        blocks, members = ctx.offsets
        sums = _sums_by_latent(pattern, gradient, members)
        bias_gradient = sums.sum(dim=0) if ctx.needs_input_grad[2] else None
        offset_gradient = None
        if ctx.needs_input_grad[5]:
            by_block = sums.view(members, blocks, -1).transpose(0, 1)
            offset_gradient = -(by_block @ weight.view(blocks, -1, weight.shape[1]))
        return centred_gradient, weight_gradient, bias_gradient, None, None, offset_gradient


class _DecodeAt(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, pattern: Pattern) -> Tensor:
        ctx.save_for_backward(values, weight)
        ctx.pattern = pattern
        return _product(pattern, values, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (values, weight), pattern = ctx.saved_tensors, ctx.pattern
        gradient = gradients[0].contiguous()
        return _sampled(pattern, gradient, weight), _transposed_product(pattern, values, gradient), None


def _sums_by_latent(pattern: Pattern, values: Tensor, members: int) -> Tensor:
    """(members, width), the sum of each latent's entries in rows i with the same i % members."""
    slots = pattern.latents
    if members > 1:
        slots = (pattern.entry_rows % members * pattern.width).int() + slots
    return values.new_zeros(members * pattern.width).index_add_(0, slots, values).view(members, -1)


def _product(pattern: Pattern, values: Tensor, dense: Tensor) -> Tensor:
    """The sparse matrix (rows, width) times dense (width, d)."""
    return _csr_product(pattern.indptr, pattern.latents, values, dense)


def _transposed_product(pattern: Pattern, values: Tensor, dense: Tensor) -> Tensor:
    """The transpose (width, rows) of the sparse matrix times dense (rows, d)."""
    values = values.index_select(0, pattern.order)
    return _csr_product(pattern.latent_starts, pattern.rows_by_latent, values, dense)


def _csr_product(indptr: Tensor, columns: Tensor, values: Tensor, dense: Tensor) -> Tensor:
    """CSR (rows, n) times dense (n, d)."""
    if kernels := _kernels(dense):
        return kernels.spmm(indptr, columns, values, dense)
    if dense.device.type == "cpu":
        return nn.functional.embedding_bag(
            columns, dense, indptr, mode="sum", per_sample_weights=values, include_last_offset=True
        )
    out = dense.new_empty(len(indptr) - 1, dense.shape[1])
    return torch.addmm(out, _csr(indptr, columns, values, len(dense)), dense, beta=0.0, out=out)


def _sampled(pattern: Pattern, left: Tensor, right: Tensor) -> Tensor:
    """(nnz,) the entries of left (rows, d) @ right (width, d).T at a pattern."""
    indptr, columns = pattern.indptr, pattern.latents
    if kernels := _kernels(left):
        return kernels.sddmm(indptr, columns, left, right)
    csr = _csr(indptr, columns, left.new_zeros(len(columns)), len(right))
    return torch.sparse.sampled_addmm(csr, left, right.t(), beta=0.0).values()


def _csr(indptr: Tensor, columns: Tensor, values: Tensor, width: int) -> Tensor:
    shape = (len(indptr) - 1, width)
    return torch.sparse_csr_tensor(indptr, columns, values, shape, check_invariants=False)


def _kernels(tensor: Tensor) -> ModuleType | None:
    """`lib.sae.triton_products` if they are asked for, installed, and can run on the device of a tensor."""
    if os.environ.get("COMPANION_TRITON") != "1" or importlib.util.find_spec("triton") is None:
        return None
    if tensor.device.type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        return None
    return importlib.import_module("lib.sae.triton_products")
