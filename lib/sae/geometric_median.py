"""The geometric median, from which the pre-bias of a dictionary starts."""

from __future__ import annotations

import torch
from torch import Tensor

from lib.base.errors import CompanionError


def geometric_median(points: Tensor, iterations: int = 100, tolerance: float = 1e-5) -> Tensor:
    """Find the point (d,) with the least summed distance to the rows of `points` (n, d), by Weiszfeld's iteration.

    It starts at the mean and stops when a move is shorter than `tolerance` times the spread of the rows. An iterate
    that coincides with rows stays there if their number outweighs the pull of the others; otherwise the remaining pull
    moves it (Vardi and Zhang, PNAS 97, 2000), so nothing is divided by zero. It computes in float64.
    """
    if len(points) == 0:
        raise CompanionError("the geometric median of no rows is not defined; give at least one row")
    rows = points.double()
    guess = rows.mean(dim=0)
    spread = torch.linalg.vector_norm(rows - guess, dim=1).mean()
    for _ in range(iterations):
        distance = torch.linalg.vector_norm(rows - guess, dim=1)
        here = distance <= 1e-12 * spread
        weight = torch.where(here, 0.0, 1 / torch.where(here, 1.0, distance))
        if not bool(weight.any()):
            break
        target = weight @ rows / weight.sum()
        pull = torch.linalg.vector_norm(weight @ (rows - guess))
        share = (1 - here.sum() / pull).clamp_min(0) if bool(here.any()) else 1.0
        move = share * (target - guess)
        guess = guess + move
        if torch.linalg.vector_norm(move) <= tolerance * spread:
            break
    return guess.to(points.dtype)
