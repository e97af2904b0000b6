"""Exercises of notebook 20, VL-SAE."""

import numpy as np
import torch
from torch.nn.functional import normalize

from lib.sae.config import SAEConfig
from lib.sae.vl_sae import VLSAE


def nearest_are_most_aligned() -> bool:
    """Easy. VL-SAE keeps the latents whose directions lie nearest. Show on random rows that these are the latents with
    the largest cosines, so that the distance changes what is *written*, not what is *selected*. Return whether the
    selections are equal."""
    generator = torch.Generator().manual_seed(0)
    x, w = (normalize(torch.randn(n, 16, generator=generator), dim=1) for n in (50, 40))
    near = torch.cdist(x, w).topk(8, largest=False).indices.sort().values
    aligned = (x @ w.T).topk(8).indices.sort().values
    return bool((near == aligned).all())


def lipschitz() -> float:
    """Medium. Eq. 5 of the paper: two rows' activations of a latent differ by no more than the distance of their unit
    vectors. Find the largest ratio of the two over random pairs, for latents that both rows keep. Return it. Does the
    bound say that a picture and its caption share latents, at a distance of 1.2?"""
    sae = VLSAE(SAEConfig("vl_sae", 32, 32), 16)
    sae.initialise(torch.zeros(1, 16), torch.Generator().manual_seed(0))
    rows = torch.randn(200, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        codes = sae.encode_tower(rows, "image").dense()
    unit = normalize(rows, dim=1)
    first, second = torch.triu_indices(200, 200, offset=1)
    change = (codes[first] - codes[second]).abs().amax(dim=1)
    return float((change / (unit[first] - unit[second]).norm(dim=1)).max())


def gain_of_choosing() -> float:
    """Medium. Give 200 test pictures of 10 classes scores of 60 % accuracy, and codes that are pure noise. Choose the
    weight of the codes from 0 to 1 on the test pictures themselves, as table A6 of the paper does. What is gained, on
    average over 200 draws, by nothing? Return the mean gain in points."""
    rng = np.random.default_rng(0)
    gains = []
    for _ in range(200):
        labels = rng.integers(10, size=200)
        scores = rng.standard_normal((200, 10)) + 2.0 * np.eye(10)[labels]
        noise = rng.standard_normal((200, 10))
        hits = [100 * ((scores + alpha * noise).argmax(axis=1) == labels).mean() for alpha in np.linspace(0, 1, 11)]
        gains.append(max(hits) - hits[0])
    return float(np.mean(gains))
