"""SAE-D: an encoder and a decoder for each tower (Shen et al. 2025, arXiv 2510.21323, section 4.2).

These are two dictionaries that share only their numbering: latent i of pictures and latent i of captions are different
things, unless chance or the data make them alike.
"""

from __future__ import annotations

from typing import ClassVar

from lib.sae.models.two_towers import TwoTowers


class SAED(TwoTowers):
    """A dictionary whose towers share nothing."""

    encoders: ClassVar[int] = 2
    decoders: ClassVar[int] = 2
