"""The colours of paper 3's arms in all its figures: one per role, whatever the notebook."""

from __future__ import annotations

from lib.report.figures import BASELINE, CEILING, CONTROL, METHOD, MODALITIES, SECOND_BASELINE, SECOND_CONTROL, VARIANT

_ARMS = {
    METHOD: ("GSAE",),
    VARIANT: ("MGSAE",),
    BASELINE: ("SAE-1b", "BatchTopK-1b", "Matryoshka-1b", "iso-energy", "two, matched", "VL-SAE"),
    SECOND_BASELINE: ("SAE-2b", "BatchTopK-2b", "Matryoshka-2b"),
    CEILING: ("dense embeddings",),
    CONTROL: ("GSAE, strangers", "SAE-2b, biases dealt out"),
    SECOND_CONTROL: ("MGSAE, own masks",),
}

COLORS = {arm: color for color, arms in _ARMS.items() for arm in arms}
"""The colour of each arm: the paper's method, a variant of it, baselines, positive and negative controls."""

CENSUS = {"image only": MODALITIES[0], "text only": MODALITIES[1], "both": METHOD, "dead": SECOND_CONTROL}
"""The colour of each part of a census of latents: who uses them."""
