"""Exact selection of the largest pre-activations, in every row of a batch or in a batch as a whole.

On a CPU a full selection costs as much as the encoder product. Here a bound below which the answer cannot lie leaves a
few candidates, found in one pass over the matrix, and only these are compared with one another. Positions come out in
increasing order, and of equal pre-activations those with smaller positions are chosen. What cannot be ordered, as NaN,
is not chosen.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

GROUPS = 64
"""The entries of a row are looked at in groups, whose number is a multiple of this, and at least four times k."""

STRIDE = 61
"""Every 61st entry of a batch is looked at to bound its selection; a prime, so that all latents are met."""


def largest_of_rows(pre: Tensor, k: int) -> Tensor:
    """Positions (row * width + latent) of the k largest of each row of (rows, width), increasing.

    The bound of a row is the k-th largest maximum of its groups: at least k entries reach it.
    """
    rows, width = pre.shape
    k = min(k, width)
    if pre.device.type != "cpu":
        latents = pre.topk(k, dim=1, sorted=False).indices.sort(dim=1).values
        return (torch.arange(rows, device=pre.device)[:, None] * width + latents).flatten()
    size = max(1, width // (GROUPS * -(-4 * k // GROUPS)))
    groups = width // size  # latents with the same remainder, so that their maximum is one pass over contiguous memory
    maxima = pre[:, : size * groups].unflatten(1, (size, groups)).amax(dim=1)
    numbers = _numpy(pre)
    candidates = np.flatnonzero(numbers >= _kth_largest(_numpy(maxima), k)[:, None])
    return torch.from_numpy(candidates[_are_largest(numbers.take(candidates), candidates // width, rows, k)])


def largest_of_batch(pre: Tensor, count: int) -> Tensor:
    """Positions of the `count` largest of (m,) pre-activations, increasing; all if there are no more.

    The bound is from a sample. If it leaves too few candidates, all are candidates.
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
    if surplus := np.count_nonzero(keep) - count:  # what equals the bound is there more often than there is room
        keep[np.flatnonzero(values == bound)[-surplus:]] = False
    return torch.from_numpy(candidates[keep])


def _are_largest(values: np.ndarray, entry_rows: np.ndarray, rows: int, k: int) -> np.ndarray:
    """(n,) whether each of n values is among the k largest of its row; `entry_rows` (n,) is increasing."""
    counts = np.bincount(entry_rows, minlength=rows)
    most = counts.max(initial=0)
    if most <= k:
        return np.ones(len(values), bool)
    padded = np.full((rows, most), -np.inf, values.dtype)
    padded[entry_rows, np.arange(len(values)) - (counts.cumsum() - counts)[entry_rows]] = values
    bounds = _kth_largest(padded, k)[entry_rows]
    keep = values >= bounds
    if np.count_nonzero(keep) > rows * k:  # the k-th largest of a row is there more than once
        (tied,) = np.nonzero(values == bounds)
        room = k - np.bincount(entry_rows[values > bounds], minlength=rows)
        place = np.arange(len(tied)) - np.searchsorted(entry_rows[tied], entry_rows[tied])
        keep[tied[place >= room[entry_rows[tied]]]] = False
    return keep


def _kth_largest(matrix: np.ndarray, k: int) -> np.ndarray:
    """(rows,) the k-th largest of each row of (rows, n)."""
    place = matrix.shape[1] - k
    return np.partition(matrix, place, axis=1)[:, place]


def _numpy(tensor: Tensor) -> np.ndarray:
    """The numbers of a tensor, those of bfloat16, which NumPy lacks, as float32."""
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).detach().numpy()
