"""The colours of paper 4's arms in all its figures: one per role, whatever the notebook."""

from __future__ import annotations

from lib.report.figures import BASELINE, CEILING, CONTROL, METHOD, SECOND_BASELINE, SECOND_CONTROL, VARIANT

_ARMS = {
    METHOD: ("masker + text",),
    VARIANT: ("masker",),
    BASELINE: ("text only", "latent query", "dimension mask", "caption's own code"),
    SECOND_BASELINE: ("unedited", "centred", "all latents kept"),
    CEILING: ("oracle mask",),
    CONTROL: ("other caption's mask", "constant mask", "random mask", "mean mask", "hard mask"),
    SECOND_CONTROL: ("residual dropped", "leaky training", "leaky score", "shuffled pictures", "one picture for all"),
}

COLORS = {arm: color for color, arms in _ARMS.items() for arm in arms}
"""The colour of each arm: the paper's method, its edit without tuned text, baselines, positive and negative controls.
"""
