"""Iso-energy alignment: a term of the loss turns the codes of a pair towards each other.

Dhimoila, Fel et al., ICLR 2026 (arXiv 2602.06218): the loss adds to the error -beta / n * Tr(Z Z'^T), where the rows of
Z and Z' have norm 1; that is minus the mean cosine of paired codes. There the dictionary is a matching pursuit and the
released code leaves out each side's strongest latent first; here it is a shared TopK dictionary and the equation as
printed. The published beta belongs to another scale of the error, so we cannot use it.
"""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor

from lib.sae.models.paired import PairedTopK
from lib.sae.sparse import Code

EPSILON = 1e-12
"""Added to the norm of a code, so that a code without active latents has cosine 0."""


class IsoEnergy(PairedTopK):
    """PairedTopK with the alignment; `penalty` in the settings is its beta."""

    def penalty(self, code: Code) -> Tensor:
        """Return minus the mean cosine of the codes of a pair, over all pairs of members."""
        return -alignment(code, self.members)


def alignment(code: Code, members: int) -> Tensor:
    """Mean cosine of paired codes, over pairs and over couples of their members; a code of norm zero counts as 0."""
    rows = code.dense().view(-1, members, code.width)
    unit = rows / (rows.square().sum(dim=2, keepdim=True) + EPSILON).sqrt()
    cosines = [(unit[:, a] * unit[:, b]).sum(dim=1).mean() for a, b in combinations(range(members), 2)]
    return torch.stack(cosines).mean()
