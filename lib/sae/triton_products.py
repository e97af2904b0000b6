"""The two sparse products of `lib.sae.sparse` as Triton kernels for CUDA; set `COMPANION_TRITON=1` to use them.

One program computes a row, its entries one after the other. It uses no atomics, so the sum has one order and the same
bits in every run. `TRITON_INTERPRET=1`, set before Triton is imported, runs the kernels on a CPU, slowly, as tests do.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

WIDEST_BLOCK = 1024
"""Largest number of columns that a program of `spmm` holds."""


def spmm(indptr: Tensor, columns: Tensor, values: Tensor, dense: Tensor) -> Tensor:
    """Multiply CSR (rows, n) by dense (n, d): (rows, d) in the precision of `dense`."""
    rows, d = len(indptr) - 1, dense.shape[1]
    out = dense.new_empty(rows, d)
    block = min(WIDEST_BLOCK, triton.next_power_of_2(d))
    if rows:
        _spmm[(rows, triton.cdiv(d, block))](indptr, columns, values, dense.contiguous(), out, d, block)
    return out


def sddmm(indptr: Tensor, columns: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Compute the entries of left (rows, d) @ right (n, d).T at the pattern of a CSR matrix (rows, n), (nnz,)."""
    rows, d = left.shape
    out = left.new_empty(len(columns))
    if rows:
        block = triton.next_power_of_2(d)
        _sddmm[(rows,)](indptr, columns, left.contiguous(), right.contiguous(), out, d, block)
    return out


@triton.jit
def _spmm(indptr, columns, values, dense, out, d, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    at = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = at < d
    total = tl.zeros((BLOCK,), dtype=dense.dtype.element_ty)
    for entry in range(tl.load(indptr + row), tl.load(indptr + row + 1)):
        column = tl.load(columns + entry).to(tl.int64)
        total += tl.load(values + entry) * tl.load(dense + column * d + at, mask=inside, other=0.0)
    tl.store(out + row * d + at, total, mask=inside)


@triton.jit
def _sddmm(indptr, columns, left, right, out, d, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, BLOCK)
    inside = at < d
    mine = tl.load(left + row * d + at, mask=inside, other=0.0)
    for entry in range(tl.load(indptr + row), tl.load(indptr + row + 1)):
        column = tl.load(columns + entry).to(tl.int64)
        other = tl.load(right + column * d + at, mask=inside, other=0.0)
        tl.store(out + entry, tl.sum(mine * other, axis=0))
