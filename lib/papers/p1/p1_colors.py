"""The colours of paper 1's arms in all its figures: one per role, whatever the notebook."""

from __future__ import annotations

from lib.papers.common import recipe_colors
from lib.report.figures import BASELINE, CEILING, CONTROL, METHOD, SECOND_CONTROL, VARIANT

_ARMS = {
    METHOD: ("trained", "clamp", "score"),
    VARIANT: ("clamp + error",),
    BASELINE: ("difference in means",),
    CEILING: ("taxa", "probes", "purity in its place"),
    CONTROL: ("reconstruct", "random latent", "scores of other neurons"),
    SECOND_CONTROL: ("plain",),
}

COLORS = recipe_colors.COLORS | {arm: color for color, arms in _ARMS.items() for arm in arms}
"""The colour of each arm: the paper's method, a variant of it, baselines, positive and negative controls."""
