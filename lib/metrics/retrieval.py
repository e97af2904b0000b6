"""Image-text retrieval without an images x captions matrix: ranks and recall in both directions, and recall by truth.

Rules. Text to image: one right image, the caption's own. Image to text: an image counts as found if any of its
captions is; the rank is that of its best caption among the captions of other images. A candidate whose cosine is
within 1e-9 of the right one's is tied with it: an `average` rank counts half of the tied ones before it (so a rank
can be 1.5, which is no hit at 1), a `pessimistic` rank counts all of them. So embeddings that have collapsed to one
point do not score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lib.base.errors import CompanionError
from lib.metrics.rows import TIE, blocks, check_same_space, unit_rows

Ties = Literal["average", "pessimistic"]
"""Whether half of the tied candidates come before the right one, or all of them."""

Truth = np.ndarray | Callable[[slice], np.ndarray]
"""bool (queries, candidates), or a function from a slice of queries to their rows of it."""


@dataclass(frozen=True)
class Ranks:
    """Ranks of the right candidates."""

    ranks: np.ndarray
    """(n,) rank of the right candidate for each query, from 1."""
    best: np.ndarray | None = None
    """(n,) its rank if it comes before all candidates that are tied with it; None if unknown."""
    worst: np.ndarray | None = None
    """(n,) its rank if it comes after all of them."""

    def recall(self, k: int) -> float:
        """R@k: share of queries whose right candidate has a rank of at most k."""
        return float((self.ranks <= k).mean())

    def credited_recall(self, k: int) -> float:
        """R@k in which a tied candidate counts by the share of the orders that put it among the first k.

        If a picture occurs twice, each copy comes first in half of the orders, so copies halve R@1 instead of making it
        zero, as `recall` does. Without ties both are the same.
        """
        if self.best is None or self.worst is None:
            return self.recall(k)
        return float(np.clip((k - self.best + 1) / (self.worst - self.best + 1), 0, 1).mean())

    @property
    def median(self) -> float:
        """Median rank."""
        return float(np.median(self.ranks))


@dataclass(frozen=True)
class Retrieval:
    """Ranks of the right candidates in both directions."""

    image_to_text: Ranks
    """One rank per image, among captions."""
    text_to_image: Ranks
    """One rank per caption, among images."""


def retrieval(
    image: np.ndarray,
    text: np.ndarray,
    owner: np.ndarray | None = None,
    *,
    ties: Ties = "average",
    tie: float = TIE,
    chunk: int = 256,
) -> Retrieval:
    """Rank by cosine of images (n, d) and captions (m, d); caption j belongs to image `owner[j]`, by default to j.

    tie: cosines closer than this are tied. If an encoder embeds one picture in batches of two sizes, the rows differ by
    more than TIE; FLOAT32_TIE treats them as equal.

    Examples
    --------
    >>> image = np.eye(3)
    >>> text = np.array([[1.0, 0, 0], [1, 2, 0], [3, 0, 1]])
    >>> found = retrieval(image, text)
    >>> found.text_to_image.ranks.tolist(), round(found.text_to_image.recall(1), 3)
    ([1.0, 1.0, 2.0], 0.667)
    """
    image, text = unit_rows("image embeddings", image), unit_rows("text embeddings", text)
    check_same_space("image embeddings", image, "text embeddings", text)
    owner = checked_owner(len(image), len(text), owner)
    own = np.einsum("md,md->m", image[owner], text)
    return rank_scores((image[rows] @ text.T for rows in blocks(len(image), chunk)), own, owner, ties=ties, tie=tie)


def rank_scores(
    score_rows: Iterable[np.ndarray], own: np.ndarray, owner: np.ndarray, *, ties: Ties = "average", tie: float = TIE
) -> Retrieval:
    """Rank by scores that come in blocks of images: float64 (b, m) arrays that cover all images in order.

    own (m,): the score of each caption with its own image. owner (m,): that image. Use it for scores that are not
    cosines of two fixed vectors, as when the text edits the image. tie: scores closer than this are tied.
    """
    counts, start = RankCounts(own, owner, ties=ties, tie=tie), 0
    images = len(counts.best)
    for block in score_rows:
        if block.shape[1:] != own.shape or start + len(block) > images:
            raise CompanionError(
                f"scores of shape {block.shape} after {start} images for {images} images and {len(own)} captions; "
                "give each image one row over all captions"
            )
        counts.add(slice(start, start + len(block)), slice(0, len(own)), block)
        start += len(block)
    if start != images:
        raise CompanionError(f"scores of {start} images for captions of {images}; give a row for each image")
    return counts.ranks()


class RankCounts:
    """Counts the candidates ahead of the right ones while blocks of scores come in any order, each pair once.

    own (m,), owner (m,): as in `rank_scores`. tie: scores closer than this are tied.
    """

    def __init__(self, own: np.ndarray, owner: np.ndarray, *, ties: Ties = "average", tie: float = TIE) -> None:
        if ties not in ("average", "pessimistic"):
            raise CompanionError(f"ties {ties!r}; known: average, pessimistic")
        self.own, self.owner, self.ties, self.tie = own, owner, ties, tie
        self.best = np.full(int(owner.max()) + 1, -np.inf)
        np.maximum.at(self.best, owner, own)
        self._image, self._text = np.zeros((2, len(self.best))), np.zeros((2, len(own)))

    def add(self, images: slice, captions: slice, scores: np.ndarray) -> None:
        """Count the scores (images, captions) of two slices, both with a start and a stop."""
        others = scores.astype(np.float64)
        row = self.owner[captions] - images.start
        inside = (row >= 0) & (row < len(others))
        others[row[inside], np.flatnonzero(inside)] = -np.inf
        self._image[:, images] += self._ahead(others, self.best[images, None], axis=1)
        self._text[:, captions] += self._ahead(others, self.own[captions], axis=0)

    def ranks(self) -> Retrieval:
        """The ranks, valid once all pairs have been added."""
        return Retrieval(self._ranks(*self._image), self._ranks(*self._text))

    def _ranks(self, better: np.ndarray, tied: np.ndarray) -> Ranks:
        """Compute ranks after candidates that are better or tied; a tied one counts half or fully."""
        return Ranks(1 + better + (0.5 if self.ties == "average" else 1.0) * tied, 1 + better, 1 + better + tied)

    def _ahead(self, scores: np.ndarray, target: np.ndarray, axis: int) -> np.ndarray:
        """(2, n) numbers of candidates along an axis that are better than the target, and tied with it."""
        better = np.count_nonzero(scores > target + self.tie, axis=axis)
        return np.stack([better, np.count_nonzero(scores >= target - self.tie, axis=axis) - better])


def true_at_1(queries: np.ndarray, candidates: np.ndarray, truth: Truth, *, chunk: int = 256) -> np.ndarray:
    """(n,) whether the top candidate is true of each query; the mean is the truth-aware R@1.

    truth: bool (n, m), or a function from a slice of queries to their rows of it. Any true caption counts, not only the
    query's own. Among tied top candidates the share of true ones is returned.
    """
    queries, candidates = unit_rows("queries", queries), unit_rows("candidates", candidates)
    check_same_space("queries", queries, "candidates", candidates)
    result = np.empty(len(queries))
    for rows in blocks(len(queries), chunk):
        right = np.asarray(truth(rows) if callable(truth) else truth[rows])
        result[rows] = top_is_true(queries[rows] @ candidates.T, right)
    return result


def top_is_true(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """`true_at_1` from scores (n, m), for scores that are not cosines of fixed vectors; truth: bool (n, m)."""
    if truth.shape != scores.shape or truth.dtype != bool:
        raise CompanionError(
            f"truth of shape {truth.shape} and type {truth.dtype} for scores {scores.shape}; "
            "give a boolean for each query and candidate"
        )
    top = scores >= scores.max(axis=1, keepdims=True) - TIE
    return (top & truth).sum(axis=1) / top.sum(axis=1)


def checked_owner(images: int, captions: int, owner: np.ndarray | None) -> np.ndarray:
    """Check that `owner` gives every image a caption, and return it as an array of integers."""
    if owner is None:
        if images != captions:
            raise CompanionError(f"{images} images and {captions} captions; say by `owner` whose caption each is")
        return np.arange(images)
    owner = np.asarray(owner)
    if owner.shape != (captions,) or owner.dtype.kind not in "iu":
        raise CompanionError(
            f"owner of shape {owner.shape} and type {owner.dtype} for {captions} captions; give an image number each"
        )
    if owner.min() < 0 or owner.max() >= images:
        raise CompanionError(f"owner names images {owner.min()} to {owner.max()} of {images}; count them from 0")
    captioned = np.bincount(owner, minlength=images) > 0
    if not captioned.all():
        raise CompanionError(f"image {int((~captioned).argmax())} has no caption; give it one or drop it")
    return owner
