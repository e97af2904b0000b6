"""Comparable seconds on a noisy machine: contenders take turns, and ratios compare neighbours in time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Turn = Callable[[], float]
"""Does its work once and returns the seconds it took."""

OURS = "ours"


@dataclass
class Timing:
    """seconds: of every turn. ratios: of every turn to the turn of `ours` just before; empty if nothing was before."""

    seconds: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)


def interleaved(ours: Turn, others: Mapping[str, Turn], rounds: int) -> dict[str, Timing]:
    """Rounds of ours, A, ours, B, ...: a burst of other work on the machine hits neighbours alike."""
    timings = {name: Timing() for name in (OURS, *others)}
    for _ in range(rounds):
        for name, other in others.items():
            own, seconds = ours(), other()
            timings[OURS].seconds.append(own)
            timings[name].seconds.append(seconds)
            timings[name].ratios.append(seconds / own)
        if not others:
            timings[OURS].seconds.append(ours())
    timings[OURS].ratios = [1.0] * len(timings[OURS].seconds)
    return timings


def turn(work: Callable[[], Any]) -> Turn:
    """A turn that runs `work` in this process."""

    def run() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return run
