"""Retrieval by text-edited images: exact ranks and the best candidates in both directions, in bounded memory.

Source: TEVI (Mahajan et al., arXiv 2606.07451). Every pair is scored with the image edited by the text of that same
pair, right or wrong. Editing an image once, with its own caption, and comparing it with all captions would show the
metric which caption is right. `lib/editing/edited_scores.py` has the algebra, `lib/metrics/retrieval.py` the hit rules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lib.base.errors import CompanionError
from lib.base.progress import progress
from lib.editing.edited_scores import EditedImages
from lib.metrics.retrieval import RankCounts, Retrieval, Ties, checked_owner
from lib.metrics.rows import FLOAT32_TIE, TIE, blocks, unit_rows

Masks = np.ndarray | Callable[[slice], np.ndarray]
"""(m, width) masks of captions, or a function from a slice of captions to their rows."""


@dataclass(frozen=True)
class Best:
    """The k best candidates of each of q queries, by falling score; equal ones by number."""

    numbers: np.ndarray
    """(q, k) numbers of the candidates."""
    scores: np.ndarray
    """(q, k) their scores."""


@dataclass(frozen=True)
class EditedRetrieval:
    """Retrieval in both directions by text-edited images."""

    ranks: Retrieval
    """Ranks of the right candidates."""
    captions: Best
    """The best captions of each image."""
    images: Best
    """The best images of each caption."""


def edited_retrieval(
    images: EditedImages,
    texts: np.ndarray,
    masks: Masks,
    owner: np.ndarray | None = None,
    *,
    k: int = 10,
    ties: Ties = "average",
    chunk: int = 256,
) -> EditedRetrieval:
    """Score n images with all captions (m, d), each of which edits them by its own mask.

    masks: (m, width) in [0, 1], or a function from a slice of captions to their rows; it is called twice for each
    chunk of captions. Caption j belongs to image `owner[j]`, by default to j. Ties are those of `retrieval`, within
    1e-9 for float64 scores and within 1e-6 for float32 ones. Memory: the images, a few times `chunk` x (n + width), and
    the result. Time: n m s^2 multiplications, where s is one more than the largest number of active latents. One core
    needs 23 s for 5000 images x 25,000 captions at width 4096, k 32, d 512 (scaled up from 512 captions), and 26 s with
    a residual. Decoding every pair takes 410 s from the active atoms only, and 6200 s from all.

    Examples
    --------
    >>> from lib.sae.codes import SparseCodes
    >>> codes = SparseCodes.from_matrix(np.array(["a", "b"]), np.array([[2.0, 1], [1, 2]]))
    >>> images = EditedImages.of(codes, torch.eye(2), torch.zeros(2))
    >>> found = edited_retrieval(images, texts=np.eye(2), masks=np.array([[1.0, 0.1], [0.1, 1]]), k=1)
    >>> found.ranks.text_to_image.ranks.tolist()  # each caption finds the image whose latent it keeps
    [1.0, 1.0]
    """
    owner = checked_owner(len(images), len(texts), owner)
    texts = unit_rows("text embeddings", texts)
    if k < 1:
        raise CompanionError(f"the best {k} candidates; give at least 1")
    rows_of = masks if callable(masks) else masks.__getitem__
    tie = TIE if images.atoms.dtype == torch.float64 else FLOAT32_TIE
    counts = RankCounts(_own_scores(images, texts, rows_of, owner, chunk), owner, ties=ties, tie=tie)
    everything = slice(0, len(images))
    numbers, scores = torch.zeros(len(images), 0, dtype=torch.int64), torch.zeros(len(images), 0)
    nearest = []
    for captions in progress(list(blocks(len(texts), chunk)), desc="edited retrieval"):
        block = images.block(everything, texts[captions], rows_of(captions)).cpu()
        counts.add(everything, captions, block.numpy())
        nearest.append(_top(block.T.contiguous(), k))
        # The best captions so far come first, so that the lower number wins a tie.
        seen = torch.cat([numbers, torch.arange(captions.start, captions.stop).expand(len(images), -1)], dim=1)
        scores, columns = _top(torch.cat([scores.to(block.dtype), block], dim=1), k)
        numbers = seen.gather(1, columns)
    values, found = (torch.cat(parts).numpy() for parts in zip(*nearest, strict=True))
    return EditedRetrieval(counts.ranks(), Best(numbers.numpy(), scores.numpy()), Best(found, values))


def _own_scores(
    images: EditedImages, texts: np.ndarray, masks: Callable[[slice], np.ndarray], owner: np.ndarray, chunk: int
) -> np.ndarray:
    """(m,) score of each caption with its own image, from blocks of a chunk's captions with their images."""
    own = np.empty(len(texts))
    for captions in blocks(len(texts), chunk):
        rows, place = np.unique(owner[captions], return_inverse=True)
        block = images.block(rows, texts[captions], masks(captions)).cpu().numpy()
        own[captions] = block[place, np.arange(len(place))]
    return own


def _top(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest entries of each row in falling order, and their columns; equal entries are ordered by column."""
    k = min(k, scores.shape[1])
    values, columns = scores.topk(min(k + 1, scores.shape[1]), dim=1)
    # `topk` takes any of equal entries, so where the last place is tied, the whole row is sorted.
    tied = values[:, k - 1] == values[:, -1] if values.shape[1] > k else torch.zeros(len(values), dtype=torch.bool)
    columns = columns[:, :k].sort(dim=1).values
    values, order = scores.gather(1, columns).sort(dim=1, descending=True, stable=True)
    columns = columns.gather(1, order)
    if tied.any():
        whole = scores[tied].sort(dim=1, descending=True, stable=True)
        values[tied], columns[tied] = whole.values[:, :k], whole.indices[:, :k]
    return values, columns
