"""Sizes of the dictionaries that are trained on pairs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """Sizes of a training run."""

    width: int
    """Number of latents."""
    k: int
    """Number of active latents."""
    steps: int
    """Training steps."""
    batch: int = 128
    """Pairs per step."""
    lr: float | None = None
    """Peak of the learning rate; None for the rule of the width."""
    decay: float = 0.0
    """Share of the steps, at the end, over which the learning rate falls to zero."""
