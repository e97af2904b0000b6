"""Exercises of notebook 20, VL-SAE."""

import torch
from torch.nn.functional import normalize

from lib.sae.config import TwoTowerConfig
from lib.sae.models.vl_sae import VLSAE


def nearest_are_most_aligned() -> bool:
    """Easy. VL-SAE keeps the latents whose directions are nearest. Show on random rows that these are the latents with
    the largest cosines, so that the distance changes the *values* of a code, not the *selection*. Return whether the
    selections are equal."""
    generator = torch.Generator().manual_seed(0)
    x, w = (normalize(torch.randn(n, 16, generator=generator), dim=1) for n in (50, 40))
    near = torch.cdist(x, w).topk(8, largest=False).indices.sort().values
    aligned = (x @ w.T).topk(8).indices.sort().values
    return bool((near == aligned).all())


def lipschitz() -> float:
    """Medium. Eq. 5 of the paper: two rows' activations of a latent differ by no more than the distance of their unit
    vectors. Over random pairs of rows, and latents that both rows keep, find the largest ratio of the two, and return
    it. Does the bound imply that a picture and its caption share latents, if their unit vectors are six fifths
    apart?"""
    sae = VLSAE(TwoTowerConfig("vl_sae", 32, 32), 8)
    sae.initialise(torch.zeros(1, 2, 8), torch.Generator().manual_seed(0))
    rows = torch.randn(200, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        codes = sae.encode_tower(rows, "image").dense()
    unit = normalize(rows, dim=1)
    first, second = torch.triu_indices(200, 200, offset=1)
    change = (codes[first] - codes[second]).abs().amax(dim=1)
    return float((change / (unit[first] - unit[second]).norm(dim=1)).max())
