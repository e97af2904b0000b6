"""The colours of paper 1's arms in all its figures: one per role, whatever the notebook."""

from __future__ import annotations

from lib.report.figures import BASELINE, CEILING, CONTROL, METHOD, SECOND_BASELINE, SECOND_CONTROL, VARIANT

_ARMS = {
    METHOD: ("matryoshka", "trained", "clamp", "score"),
    VARIANT: ("batch_topk", "clamp + error"),
    BASELINE: ("raw", "raw ReLU", "rotated", "difference in means", "relu", "jumprelu"),
    SECOND_BASELINE: ("topk",),
    CEILING: ("nearest", "taxa", "probes", "purity in its place"),
    CONTROL: ("untrained", "reconstruct", "random latent", "scores of other neurons"),
    SECOND_CONTROL: ("shuffled matryoshka", "plain"),
}

COLORS = {arm: color for color, arms in _ARMS.items() for arm in arms}
"""The colour of each arm: the paper's method, a variant of it, baselines, positive and negative controls."""
