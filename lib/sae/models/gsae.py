"""GSAE: a group norm draws the members of a pair to the same latents.

Kaushik et al. 2026, arXiv 2601.20028, section 3: the loss adds to the squared errors lambda * sum_i sqrt(sum_m z_mi^2),
the L2,1 norm of a pair's codes after the selection, averaged over pairs. A latent that both members use costs sqrt(2)
times as much as one that a single member uses, not twice. The sum under the root allows any number of members.

lambda is 0.05 at K = 32 in the paper. A unit vector of K active latents has activations of about 1 / sqrt(K), and the
effect depends on lambda over the activation, so `group_weight` scales lambda with the root of K.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lib.base.errors import CompanionError
from lib.sae.models.paired import PairedTopK
from lib.sae.sparse import Code

PAPER_WEIGHT, PAPER_K = 0.05, 32


class GSAE(PairedTopK):
    """PairedTopK with the group norm; `penalty` in the settings is its lambda."""

    def penalty(self, code: Code) -> Tensor:
        """Return the group norm of each pair's codes, averaged over pairs."""
        return group_norm(code, self.members)


def group_norm(code: Code, members: int) -> Tensor:
    """Mean over pairs of sum_i sqrt(sum_m z_mi^2); rows `pair * members` to `pair * members + members - 1` are a pair.

    The gradient of a latent of value 0 is 0, so the norm never switches a silent partner on.
    """
    if code.rows == 0 or code.rows % members:
        raise CompanionError(f"a code of {code.rows} rows has no whole groups of {members}; give whole pairs")
    pairs, values = code.rows // members, code.values
    group = code.pattern.entry_rows // members * code.width + code.pattern.latents
    with torch.no_grad():
        energy = values.new_zeros(pairs * code.width).index_add_(0, group, values.square()).index_select(0, group)
        gradient = torch.where(energy > 0, values / energy.sqrt(), 0.0)  # gradient of the norm
    return (values * gradient).sum() / pairs


def group_weight(k: int) -> float:
    """Return the paper's lambda at another sparsity: 0.05 sqrt(32 / k)."""
    if k < 1:
        raise CompanionError(f"k is {k}; give at least one active latent")
    return PAPER_WEIGHT * math.sqrt(PAPER_K / k)
