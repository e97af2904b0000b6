"""Every arm of paper 1's figures has a colour, and arms of one role share it."""

from __future__ import annotations

from lib.papers.p1.n12_steering import STEERING_ARMS
from lib.papers.p1.n13_layers import LAYER_ARMS
from lib.papers.p1.p1_colors import COLORS
from lib.report.figures import CEILING, CONTROL, METHOD


def test_every_arm_has_the_colour_of_its_role() -> None:
    assert {*STEERING_ARMS, *LAYER_ARMS, "batch_topk", "raw ReLU", "rotated", "nearest", "taxa"} <= set(COLORS)
    assert {"relu", "topk", "jumprelu"} <= set(COLORS), "notebook 02 compares them with paper 1's recipes"
    assert COLORS["matryoshka"] == COLORS["clamp"] == METHOD
    assert COLORS["untrained"] == COLORS["random latent"] == CONTROL
    assert COLORS["nearest"] == COLORS["probes"] == CEILING
