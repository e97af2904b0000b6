"""The sparse training step: after one dense encoder product, all work touches only the selected entries.

A code is a set of positions in the (rows, width) matrix of pre-activations. Decoding and all gradients are products
of CSR matrices with that pattern (Gao et al. 2024, arXiv 2406.04093, appendix D, has the same savings as GPU kernels):

    decode            CSR (rows, width) @ W_dec
    gradient of codes dense-dense product at the pattern only
    weight gradients  CSR transposed (width, rows) @ dense

Measured on two cores at d 512, width 4096, k 32, batch 2048 each of them takes 3 to 8 ms against 55 ms for the dense
product; `embedding_bag` equals CSR in decoding and is slower in its gradients, gathers with `bmm` or `index_add`
take 40 ms and more. A whole TopK step, optimiser included, takes a third of the dense one's processor time there, and
a quarter at width 16384 and batch 1024.
"""

from __future__ import annotations

import importlib.util
import os
import warnings
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
class Code:
    """Active entries of a batch.

    positions: (nnz,) int64, row * width + latent, increasing. values: (nnz,) activations at them.
    rows, width: the shape of the dense matrix it stands for.
    """

    positions: Tensor
    values: Tensor
    rows: int
    width: int

    @cached_property
    def latents(self) -> Tensor:
        """(nnz,) int32, the latent of each entry."""
        return (self.positions % self.width).int()

    @cached_property
    def indptr(self) -> Tensor:
        """(rows + 1,) int32, where the entries of each row begin."""
        starts = torch.arange(self.rows + 1, device=self.positions.device) * self.width
        return torch.searchsorted(self.positions, starts, out_int32=True)

    def dense(self) -> Tensor:
        """The (rows, width) matrix; for small cases."""
        zeros = self.values.new_zeros(self.rows * self.width)
        return zeros.index_put((self.positions,), self.values).view(self.rows, self.width)

    def counts(self) -> Tensor:
        """(width,) number of rows in which each latent is above zero."""
        fired = (self.values.detach() > 0).to(torch.float32)
        return fired.new_zeros(self.width).index_add_(0, self.latents, fired)


def encode_at(centred: Tensor, weight: Tensor, bias: Tensor, pre: Tensor, positions: Tensor) -> Tensor:
    """Pre-activations (nnz,) at `positions`, with gradients to the encoder.

    centred: (rows, d) input minus pre-bias. weight: (width, d). bias: (width,). pre: (rows, width), the product
    `centred @ weight.T + bias` already made for selection; it is read, not differentiated. If it was made in another
    precision, the values are made again in that of the weights, at the positions only.
    """
    return _EncodeAt.apply(centred, weight, bias, pre, positions)


def decode_at(indptr: Tensor, latents: Tensor, values: Tensor, weight: Tensor) -> Tensor:
    """Sum over each row's entries of value times `weight[latent]`: (rows, d), with gradients to values and weight.

    weight: (width, d). A row here is whatever `indptr` (rows + 1,) delimits, so the prefixes of a row can be rows too.
    """
    return _DecodeAt.apply(values, weight, indptr, latents)


class _EncodeAt(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, centred: Tensor, weight: Tensor, bias: Tensor, pre: Tensor, positions: Tensor) -> Tensor:
        code = Code(positions, centred.new_zeros(len(positions)), *pre.shape)
        if pre.dtype == weight.dtype:
            values = pre.flatten()[positions]
        else:
            values = _sampled(code.indptr, code.latents, centred, weight) + bias[code.latents]
        ctx.save_for_backward(centred, weight, code.indptr, code.latents)
        return values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        centred, weight, indptr, latents = ctx.saved_tensors
        (gradient,) = gradients
        centred_gradient = None
        if ctx.needs_input_grad[0]:
            centred_gradient = _product(indptr, latents, gradient, weight)
        weight_gradient = _product(*_transposed(indptr, latents, gradient, len(weight)), centred)
        bias_gradient = gradient.new_zeros(len(weight)).index_add_(0, latents, gradient)
        return centred_gradient, weight_gradient, bias_gradient, None, None


class _DecodeAt(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, indptr: Tensor, latents: Tensor) -> Tensor:
        ctx.save_for_backward(values, weight, indptr, latents)
        return _product(indptr, latents, values, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        values, weight, indptr, latents = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        value_gradient = _sampled(indptr, latents, gradient, weight)
        weight_gradient = _product(*_transposed(indptr, latents, values, len(weight)), gradient)
        return value_gradient, weight_gradient, None, None


def _transposed(indptr: Tensor, latents: Tensor, values: Tensor, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """The (width, rows) transpose, itself as CSR: sorting the entries by latent costs less than torch's conversion."""
    rows = torch.arange(len(indptr) - 1, dtype=torch.int32, device=latents.device).repeat_interleave(indptr.diff())
    order = _stable_order(latents, width)
    starts = nn.functional.pad(torch.bincount(latents, minlength=width).cumsum(0), (1, 0)).int()
    return starts, rows[order], values[order]


def _stable_order(latents: Tensor, width: int) -> Tensor:
    """The order of the entries by latent, equal ones as they stand."""
    if latents.device.type != "cpu" or width > 2**16:
        return latents.argsort(stable=True)
    return torch.from_numpy(np.argsort(latents.numpy().astype(np.uint16), kind="stable"))  # a radix sort: a sixth


def _product(indptr: Tensor, columns: Tensor, values: Tensor, dense: Tensor) -> Tensor:
    """CSR (rows, n) times dense (n, d), without the zeroed buffer and the copy of torch's own."""
    if kernels := _kernels(dense):
        return kernels.spmm(indptr, columns, values, dense)
    out = dense.new_empty(len(indptr) - 1, dense.shape[1])
    return torch.addmm(out, _csr(indptr, columns, values, len(dense)), dense, beta=0.0, out=out)


def _sampled(indptr: Tensor, columns: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """(nnz,) the entries of left (rows, d) @ right (n, d).T at the pattern of a CSR matrix (rows, n)."""
    if kernels := _kernels(left):
        return kernels.sddmm(indptr, columns, left, right)
    pattern = _csr(indptr, columns, left.new_zeros(len(columns)), len(right))
    return torch.sparse.sampled_addmm(pattern, left, right.t(), beta=0.0).values()


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
