"""A world of vectors with a known dictionary: pictures are sums of atoms, captions name some of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from lib.encoders.embeddings import Embeddings
from lib.sae.base import SAE, one_tower
from lib.sae.config import SAEConfig
from lib.sae.recipes import build

WIDTH, D, ACTIVE = 24, 28, 4


@dataclass
class Toy:
    """A TopK dictionary that decodes pictures exactly, pairs, and the atoms of each picture and of its caption."""

    sae: SAE
    pairs: Embeddings
    shown: np.ndarray
    told: np.ndarray


def toy(n: int = 300, seed: int = 0, told: int = 2) -> Toy:
    """n pictures of ACTIVE atoms each, `told` of which the caption names; the dictionary is the same for all seeds."""
    atoms = np.random.default_rng(99).normal(size=(WIDTH, D))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    rng = np.random.default_rng(seed)
    order = rng.random((n, WIDTH)).argsort(axis=1)
    shown, named = np.zeros((n, WIDTH), bool), np.zeros((n, WIDTH), bool)
    np.put_along_axis(shown, order[:, :ACTIVE], True, axis=1)
    np.put_along_axis(named, order[:, :told], True, axis=1)
    image = (shown * rng.uniform(0.5, 1.5, size=shown.shape)) @ atoms
    text = named @ atoms + 0.15 * rng.normal(size=(n, D))
    ids = np.array([f"{seed}-{i}" for i in range(n)])
    identity = {"toy": seed, "n": n, "told": told}
    pairs = Embeddings(ids, image.astype(np.float32), text.astype(np.float32), "toy", False, identity).unit()
    sae = one_tower(build(SAEConfig("topk", WIDTH, k=ACTIVE), D), "a toy")
    with torch.no_grad():
        sae.W_dec.copy_(torch.from_numpy(atoms))
        sae.encoder.copy_(torch.from_numpy(np.linalg.pinv(atoms).T))
    return Toy(sae.eval(), pairs, shown, named)
