"""Do the two codes of a pair agree? Their cosine, their common latents, and what stays without the frequent ones.

Shen et al. 2025, arXiv 2510.21323, use cos(h_v, h_l) as a score (Eq. 10). With activations as flat as VL-SAE's it is
nearly the share of common latents. Latents that fire on most rows make any two codes alike, so every number comes
with that of random pairs, and with and without them (the paper's appendix A.3 finds such latents, too).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from lib.data.errors import CompanionError
from lib.metrics.firing import firing
from lib.sae.codes import SparseCodes

FREQUENT = 0.5
"""A latent that fires on more than this share of rows is frequent."""


@dataclass(frozen=True)
class Overlap:
    """Means over pairs. cosine: of the two codes of a pair, and of a picture's with the next pair's caption (random).

    shared: share of the picture's active latents that the caption activates, likewise.
    """

    cosine: float
    cosine_random: float
    shared: float
    shared_random: float


def overlap(image: SparseCodes, text: SparseCodes) -> Overlap:
    """Agreement of the codes of n pairs; a code without active latents agrees with nothing."""
    same_dictionary(image, text)
    if len(image) < 2:
        raise CompanionError(f"codes of {len(image)} pairs; random pairs need at least 2")
    v, t = image.csr().astype(np.float64), text.csr().astype(np.float64)
    order = np.roll(np.arange(len(image)), 1)
    cosine, shared = agreement(v, t)
    cosine_random, shared_random = agreement(v, t[order])
    return Overlap(*(float(each.mean()) for each in (cosine, cosine_random, shared, shared_random)))


def agreement(v: sp.csr_array, t: sp.csr_array) -> tuple[np.ndarray, np.ndarray]:
    """Cosine, and share of v's active latents that t has, of each pair of rows (n,)."""
    dots = np.asarray(v.multiply(t).sum(axis=1)).ravel()
    norms = np.sqrt(np.asarray(v.multiply(v).sum(axis=1)).ravel() * np.asarray(t.multiply(t).sum(axis=1)).ravel())
    on_v, on_t = (v != 0).astype(np.float64), (t != 0).astype(np.float64)
    common, own = (np.asarray(m.sum(axis=1)).ravel() for m in (on_v.multiply(on_t), on_v))
    return (
        np.divide(dots, norms, out=np.zeros_like(dots), where=norms > 0),
        np.divide(common, own, out=np.zeros_like(dots), where=own > 0),
    )


def frequent(image: SparseCodes, text: SparseCodes, share: float = FREQUENT) -> np.ndarray:
    """bool (width,): latents that fire on more than a share of the rows of either tower."""
    same_dictionary(image, text)
    return np.maximum(firing(image).rate, firing(text).rate) > share


def without(codes: SparseCodes, latents: np.ndarray) -> SparseCodes:
    """The codes with the latents of a mask (width,) silenced."""
    kept = sp.diags_array((~latents).astype(codes.values.dtype))
    return SparseCodes.from_matrix(codes.ids, codes.csr() @ kept)


def common_latents(image: SparseCodes, text: SparseCodes) -> tuple[SparseCodes, SparseCodes]:
    """Both codes with only those latents that both towers of a pair activate."""
    same_dictionary(image, text)
    v, t = image.csr(), text.csr()
    return (
        SparseCodes.from_matrix(image.ids, v.multiply(t != 0)),
        SparseCodes.from_matrix(text.ids, t.multiply(v != 0)),
    )


def same_dictionary(image: SparseCodes, text: SparseCodes) -> None:
    """Refuse codes that are not of the same pairs and dictionary."""
    if len(image) != len(text) or image.width != text.width:
        raise CompanionError(
            f"codes of {len(image)} pictures x {image.width} latents and {len(text)} captions x {text.width}; "
            "encode both towers of the same pairs with one dictionary"
        )
