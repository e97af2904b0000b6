"""The colours of paper 2's arms in all its figures: one per role, whatever the notebook."""

from __future__ import annotations

from lib.report.figures import BASELINE, CEILING, CONTROL, METHOD, SECOND_BASELINE, SECOND_CONTROL, VARIANT

_ARMS = {
    METHOD: ("VL-SAE", "fixed", "concepts, additive", "concepts, convex"),
    VARIANT: (
        "VL-SAE shuffled",
        "VL-SAE on 10%",
        "distance, one decoder",
        "cosine, two decoders",
        "L1 for TopK",
        "on dev",
        "concepts, additive, no cut",
        "concepts, convex, no cut",
    ),
    BASELINE: ("SAE-S", "regular", "greedy"),
    SECOND_BASELINE: ("SAE-D", "contrast with noise"),
    CEILING: ("k-means", "exemplars", "oracle", "oracle, no cut"),
    CONTROL: ("untrained", "SAE-S shifted", "on test", "cut only"),
    SECOND_CONTROL: ("another scene's oracle", "another scene's oracle, no cut", "another picture's concepts"),
}

COLORS = {arm: color for color, arms in _ARMS.items() for arm in arms}
"""The colour of each arm: the paper's method, variants of it, its two baselines, positive and negative controls."""
