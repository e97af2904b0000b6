"""Exact selection of the largest pre-activations, in every row of a batch or in the whole batch.

On a CPU a full selection costs as much as the encoder product. This module computes a bound below which no selected
entry can be, finds the few candidates above it in one pass over the matrix, and compares only these with one another.
Positions come out in increasing order, and of equal pre-activations those with smaller positions are chosen. Values
without an order, such as NaN, are not chosen.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

GROUPS = 64
"""The entries of a row are split into groups; their number is a multiple of this, and at least four times k."""

STRIDE = 61
"""Every 61st entry of a batch is sampled to bound its selection; a prime, so that all latents are sampled."""


def largest_of_rows(pre: Tensor, k: int) -> Tensor:
    """Return the increasing positions (row * width + latent) of the k largest of each row of (rows, width).

    The bound of a row is the k-th largest maximum of its groups: at least k entries reach it.
    """
    rows, width = pre.shape
    k = min(k, width)
    if pre.device.type != "cpu":
        latents = pre.topk(k, dim=1, sorted=False).indices.sort(dim=1).values
        return (torch.arange(rows, device=pre.device)[:, None] * width + latents).flatten()
    size = max(1, width // (GROUPS * -(-4 * k // GROUPS)))
    groups = width // size  # latents with the same remainder: their maximum takes one pass over contiguous memory
    maxima = pre[:, : size * groups].unflatten(1, (size, groups)).amax(dim=1)
    numbers = _numpy(pre)
    candidates = np.flatnonzero(numbers >= _kth_largest(_numpy(maxima), k)[:, None])
    return torch.from_numpy(candidates[_are_largest(numbers.take(candidates), candidates // width, rows, k)])


def largest_of_batch(pre: Tensor, count: int) -> Tensor:
    """Return the increasing positions of the `count` largest of (m,) pre-activations; all if there are no more.

    A sample gives the bound. If it leaves too few candidates, all entries are candidates.
    """
    count = min(count, len(pre))
    if pre.device.type != "cpu":
        return pre.topk(count, sorted=False).indices.sort().values
    numbers, candidates = _numpy(pre), np.arange(0)
    if len(pre) >= 100 * STRIDE:
        sample = numbers[::STRIDE]
        rank = min(len(sample), 3 * count // (2 * STRIDE) + 16)
        candidates = np.flatnonzero(numbers >= _kth_largest(sample[None], rank))
    if len(candidates) < count:
        candidates = np.arange(len(pre))
    if len(candidates) == 0 or count == 0:
        return torch.from_numpy(candidates[:0])
    values = numbers.take(candidates)
    bound = _kth_largest(values[None], count)
    keep = values >= bound
    if surplus := np.count_nonzero(keep) - count:  # more entries equal the bound than there is room for
        keep[np.flatnonzero(values == bound)[-surplus:]] = False
    return torch.from_numpy(candidates[keep])


def _are_largest(values: np.ndarray, entry_rows: np.ndarray, rows: int, k: int) -> np.ndarray:
    """Say which of n values are among the k largest of their rows, bool (n,); `entry_rows` (n,) is increasing."""
    counts = np.bincount(entry_rows, minlength=rows)
    most = counts.max(initial=0)
    if most <= k:
        return np.ones(len(values), bool)
    padded = np.full((rows, most), -np.inf, values.dtype)
    padded[entry_rows, np.arange(len(values)) - (counts.cumsum() - counts)[entry_rows]] = values
    bounds = _kth_largest(padded, k)[entry_rows]
    keep = values >= bounds
    if np.count_nonzero(keep) > rows * k:  # the k-th largest value of a row occurs more than once
        (tied,) = np.nonzero(values == bounds)
        room = k - np.bincount(entry_rows[values > bounds], minlength=rows)
        place = np.arange(len(tied)) - np.searchsorted(entry_rows[tied], entry_rows[tied])
        keep[tied[place >= room[entry_rows[tied]]]] = False
    return keep


def _kth_largest(matrix: np.ndarray, k: int) -> np.ndarray:
    """Return the k-th largest value of each row of (rows, n), (rows,)."""
    place = matrix.shape[1] - k
    return np.partition(matrix, place, axis=1)[:, place]


def _numpy(tensor: Tensor) -> np.ndarray:
    """Return the numbers of a tensor; bfloat16, which NumPy lacks, becomes float32."""
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).detach().numpy()
