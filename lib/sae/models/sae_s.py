"""SAE-S: one linear encoder and one decoder for both towers (Shen et al. 2025, arXiv 2510.21323, section 4.2).

This is an ordinary TopK dictionary that reads pictures and captions alike. The paper's code calls it `SAE_V`, but the
paper named SAE-V (arXiv 2502.17514) is a different one. There the k largest magnitudes follow a ReLU, which selects the
same latents.
"""

from __future__ import annotations

from typing import ClassVar

from lib.sae.models.two_towers import TwoTowers


class SAES(TwoTowers):
    """A dictionary whose towers share everything."""

    encoders: ClassVar[int] = 1
    decoders: ClassVar[int] = 1
