"""Latents that are constructed and not trained: the positive controls of the Monosemanticity Score.

They are made from what the judge itself calls alike, and are active on as many images as a trained latent on average.
So they show how far above chance a world, a judge and a number of images can bring a score; where they do not reach a
margin, no dictionary needs to.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from lib.encoders.embeddings import Embeddings
from lib.sae.codes import SparseCodes


def nearest_images(judge: Embeddings, width: int, size: int, seed: int) -> SparseCodes:
    """Make codes of `width` latents, each 1 on a random image and on those nearest to it by the judge, `size` in all.

    Examples
    --------
    >>> rows = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]], np.float32)
    >>> judge = Embeddings(np.array(list("abcd")), rows, None, "by hand", False, {})
    >>> np.unique(nearest_images(judge, 20, 2, seed=0).dense(), axis=1).T.tolist()
    [[0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0]]
    """
    rows = judge.unit().tower("image")
    size = min(size, len(rows))
    centres = np.random.default_rng(seed).integers(len(rows), size=width)
    nearest = np.argpartition(rows[centres] @ -rows.T, size - 1, axis=1)[:, :size]
    starts = np.arange(0, width * size + 1, size)
    by_latent = sp.csr_array((np.ones(width * size), nearest.ravel(), starts), shape=(width, len(rows)))
    return SparseCodes.from_matrix(judge.ids, sp.csr_array(by_latent.T))


def resized(codes: SparseCodes, width: int, seed: int) -> SparseCodes:
    """Turn codes with another number of latents into codes with `width` latents.

    Fewer: each is active where any of several of the given latents is, so that it mixes their meanings. More: the
    given ones, and copies of them that were given to other images, which have no meaning.
    """
    matrix = codes.csr()
    if width < codes.width:
        groups = np.arange(codes.width) % width
        joined = sp.csr_array((np.ones(codes.width), (np.arange(codes.width), groups)), shape=(codes.width, width))
        return SparseCodes.from_matrix(codes.ids, (matrix @ joined).sign())
    random = np.random.default_rng(seed)
    parts = [matrix]
    while sum(part.shape[1] for part in parts) < width:
        parts.append(matrix[random.permutation(len(codes))])
    return SparseCodes.from_matrix(codes.ids, sp.csr_array(sp.hstack(parts, format="csc")[:, :width]))
