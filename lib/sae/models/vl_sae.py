"""VL-SAE: one encoder by distance for both towers, and a decoder for each.

Shen et al. 2025, arXiv 2510.21323, section 3.3, Eq. 4-9:

    g(x, w) = |x/|x| - w/|w||,  h = TopK(2 - g(x, w)),  x_v ~ D_v(h_v),  x_l ~ D_l(h_l)

Since g = sqrt(2 - 2 cos(x, w)), the k nearest latents are those with the largest cosines, whatever function the values
are. We compute the values in this form, with EPSILON under the root, because the distance itself has no gradient at
w = x, and is 0/0 for rows of norm zero. The released code is the same except that it uses `torch.cdist`, and that
where entries tie it keeps fewer than k, while we always keep k.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from lib.sae.models.two_towers import Angular

EPSILON = 1e-6
"""Added to the squared distance, which is at most 4; it changes an activation by at most 0.001, and that only at w = x.
"""


class VLSAE(Angular):
    """Activations 2 - |x/|x| - w/|w||: 2 in the same direction, 0.59 at a right angle, 0 in the opposite one."""

    encoders: ClassVar[int] = 1
    decoders: ClassVar[int] = 2

    def activation(self, pre: Tensor) -> Tensor:
        """Compute 2 - sqrt(2 - 2 cosine)."""
        return 2 - ((2 - 2 * pre).clamp_min(0) + EPSILON).sqrt()
