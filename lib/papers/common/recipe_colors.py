"""The colour of each recipe of paper 1 and of what it is compared with, for the first notebooks and the paper's own."""

from __future__ import annotations

from lib.report.figures import BASELINE, CEILING, CONTROL, METHOD, SECOND_BASELINE, SECOND_CONTROL, VARIANT

_ARMS = {
    METHOD: ("matryoshka",),
    VARIANT: ("batch_topk",),
    BASELINE: ("raw", "raw ReLU", "rotated", "relu", "jumprelu"),
    SECOND_BASELINE: ("topk",),
    CEILING: ("nearest",),
    CONTROL: ("untrained",),
    SECOND_CONTROL: ("shuffled matryoshka",),
}

COLORS = {arm: color for color, arms in _ARMS.items() for arm in arms}
"""Arm to colour; `lib.report.figures` says what the colours stand for."""
