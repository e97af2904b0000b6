"""Monosemanticity Score (MS) in linear time: exact, one pass, streaming, mergeable.

Source: Pach et al., arXiv 2504.02821, section 3.2, equations 5 to 9. For unit judge embeddings e_n and activations
scaled to a_n in [0, 1] by the minimum and maximum over the images,

    MS = sum_{n<m} a_n a_m <e_n, e_m> / sum_{n<m} a_n a_m = (|V|^2 - q) / (u^2 - q)

with V = sum a_n e_n, u = sum a_n and q = sum a_n^2. The linear form is also in MonoLoss, arXiv 2602.12403.
The scale of a cancels, so only the minimum has to be subtracted. The sums are kept about the smallest activation
seen so far: when a smaller one turns up, every earlier image gains the same non-negative amount, which is added
without cancellation. So no second pass is needed, and shards merge in any order.

All sums are float64 and judge rows are normalised in float64: with one dominant image |V|^2 and q agree in almost
every digit. A second image of weight 1e-8 is then scored to 1e-7, where float32 sums or norms return noise.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from lib.base.errors import CompanionError
from lib.metrics.rows import blocks, check_paired, unit_rows
from lib.sae.codes import SparseCodes

RESOLUTION = 1e-12
"""A latent whose effective sample size exceeds 1 by less than this counts as active on one image (float64 rounding)."""

LATENTS_AT_ONCE = 8192
"""Number of latents scored at a time; memory grows with this times the judge's dimension, not with the width."""


@dataclass(frozen=True)
class MonosemanticityScore:
    """Scores of every latent over the same images; each array has shape (width,)."""

    score: np.ndarray
    """MS in [-1, 1]; NaN for a dead latent (constant, or active on one image) or one below the minimum support."""
    corrected: np.ndarray
    """(MS - chance) / (1 - chance): 0 at chance and 1 at best; NaN where `score` is."""
    pair_count_score: np.ndarray
    """Sum of weighted cosines over all N (N - 1) / 2 pairs; 0 for a dead latent. It falls with sparsity and is not a
    mean of cosines. The paper's code and that of MonoLoss divide by the sum of weights, as `score` does.
    """
    support: np.ndarray
    """Number of images with non-zero weight."""
    n_eff: np.ndarray
    """Effective sample size (sum a)^2 / sum a^2; 0 for a constant latent."""
    chance: float
    """Mean cosine of two different images under the judge."""
    images: int
    """Number of images."""

    @property
    def live(self) -> np.ndarray:
        """bool (width,): latents that have a score."""
        return ~np.isnan(self.score)

    def summary(self) -> dict[str, float]:
        """Mean, sd, median, best and worst score over the live latents, and the share that is live."""
        scores = self.score[self.live]
        if len(scores) == 0:
            raise CompanionError(f"none of {len(self.score)} latents has a score; check the codes or lower min_support")
        return {
            "mean": float(scores.mean()),
            "sd": float(scores.std()),
            "median": float(np.median(scores)),
            "best": float(scores.max()),
            "worst": float(scores.min()),
            "live": len(scores) / len(self.score),
        }


class ScoreSums:
    """Sums over images from which the scores of `width` latents under a judge of `dims` dimensions follow.

    With a_n = activation - lowest: `total` is the sum of a_n, `squares` of a_n^2, `weighted` (width, dims) of a_n e_n;
    `judge` (dims,) is the sum of e_n, `peak` the largest a_n, `support` the number of images with a_n > 0.
    """

    def __init__(self, width: int, dims: int) -> None:
        if width < 1 or dims < 1:
            raise CompanionError(f"score sums of {width} latents and {dims} judge dimensions; give at least 1 of each")
        self.images = 0
        self.lowest = np.full(width, np.inf)
        self.peak, self.total, self.squares = np.zeros(width), np.zeros(width), np.zeros(width)
        self.support = np.zeros(width, np.int64)
        self.weighted = np.zeros((width, dims))
        self.judge = np.zeros(dims)

    def update(self, activations: np.ndarray | sp.sparray, judge: np.ndarray) -> ScoreSums:
        """Add a chunk of images: activations (n, width), dense or scipy-sparse, and judge embeddings (n, dims)."""
        unit = unit_rows("judge embeddings", judge)
        if activations.ndim != 2:
            raise CompanionError(f"activations of shape {activations.shape}; give a matrix with one row per image")
        check_paired("activations", activations, "judge embeddings", unit)
        if (activations.shape[1], unit.shape[1]) != self.weighted.shape:
            raise CompanionError(
                f"a chunk of {activations.shape[1]} latents and {unit.shape[1]} judge dimensions for sums of "
                f"{self.weighted.shape[0]} and {self.weighted.shape[1]}; give every chunk the same columns"
            )
        return self.merge(self._of(activations, unit))

    def merge(self, other: ScoreSums) -> ScoreSums:
        """Add the sums over other images; `other` is left as it is."""
        if self.weighted.shape != other.weighted.shape:
            raise CompanionError(
                f"score sums of shapes {self.weighted.shape} and {other.weighted.shape} cannot merge; "
                "use shards of the same latents and judge"
            )
        lowest = np.minimum(self.lowest, other.lowest)
        self._lower(lowest)
        if (other.lowest > lowest).any():
            other = copy.deepcopy(other)
            other._lower(lowest)
        self.peak = np.maximum(self.peak, other.peak)
        for name in ("images", "total", "squares", "support", "weighted", "judge"):
            mine = getattr(self, name)
            mine += getattr(other, name)
            setattr(self, name, mine)
        return self

    def score(self, min_support: int = 2) -> MonosemanticityScore:
        """Compute the scores from the sums; latents active on fewer than `min_support` images get NaN."""
        if self.images < 2:
            raise CompanionError(f"the score needs pairs of images, but there are {self.images}; give at least 2")
        total2 = self.total**2
        n_eff = np.divide(total2, self.squares, out=np.zeros_like(total2), where=self.squares > 0)
        dead = n_eff - 1 <= RESOLUTION
        pairs, cosines = total2 - self.squares, np.einsum("kd,kd->k", self.weighted, self.weighted) - self.squares
        # The true value is in [-1, 1]; clipping only undoes rounding.
        score = np.divide(cosines, pairs, out=np.full_like(pairs, np.nan), where=~dead).clip(-1, 1)
        score[self.support < min_support] = np.nan
        all_pairs = self.images * (self.images - 1)
        chance = float(np.clip((self.judge @ self.judge - self.images) / all_pairs, -1, 1))
        scale = self.peak**2 * all_pairs
        return MonosemanticityScore(
            score=score,
            corrected=(score - chance) / (1 - chance) if 1 - chance > RESOLUTION else np.full_like(score, np.nan),
            pair_count_score=np.divide(cosines, scale, out=np.zeros_like(scale), where=~dead),
            support=self.support.copy(),
            n_eff=n_eff,
            chance=chance,
            images=self.images,
        )

    @classmethod
    def _of(cls, activations: np.ndarray | sp.sparray, unit: np.ndarray) -> ScoreSums:
        """Compute the sums of one chunk whose judge rows have unit norm."""
        sums = cls(activations.shape[1], unit.shape[1])
        sums.lowest, above = _above_lowest(activations)
        sums.total, sums.squares = above.sum(axis=0), (above**2).sum(axis=0)
        if not np.isfinite(sums.total).all():
            latent = int((~np.isfinite(sums.total)).argmax())
            raise CompanionError(f"activations of latent {latent} contain NaN or infinity; check the codes")
        sums.peak = above.max(axis=0).toarray() if sp.issparse(above) else above.max(axis=0)
        sums.support = (above > 0).sum(axis=0)
        sums.weighted, sums.judge, sums.images = above.T @ unit, unit.sum(axis=0), len(unit)
        return sums

    def _lower(self, lowest: np.ndarray) -> None:
        """Move the reference down to `lowest`, so that every earlier image gains the difference."""
        moved = (self.lowest > lowest) & (self.images > 0)
        rise = self.lowest[moved] - lowest[moved]
        self.squares[moved] += 2 * rise * self.total[moved] + self.images * rise**2
        self.total[moved] += self.images * rise
        self.peak[moved] += rise
        self.support[moved] = self.images
        self.weighted[moved] += np.outer(rise, self.judge)
        self.lowest = lowest


def _above_lowest(activations: np.ndarray | sp.sparray) -> tuple[np.ndarray, np.ndarray | sp.csr_array]:
    """Return the smallest activation of each latent, and float64 activations minus it, sparse if that stays sparse."""
    if sp.issparse(activations):
        codes = sp.csr_array(activations, dtype=np.float64, copy=True)
        codes.sum_duplicates()
        lowest = codes.min(axis=0).toarray()
        if not (lowest < 0).any():
            # A latent with lowest > 0 is active in every row, so all its entries are stored.
            codes.data -= lowest[codes.indices]
            return lowest, codes
        activations = codes.toarray()
    lowest = activations.min(axis=0).astype(np.float64)
    with np.errstate(invalid="ignore"):
        return lowest, np.subtract(activations, lowest, dtype=np.float64)


def monosemanticity(
    codes: SparseCodes | np.ndarray, judge: np.ndarray, *, min_support: int = 2, chunk: int = 4096
) -> MonosemanticityScore:
    """Score every latent: activations of n images, `SparseCodes` or a dense (n, width) matrix, under a judge (n, d).

    The judge must not be the encoder under study; its rows need not be normalised. `chunk` images are
    converted to float64 at a time. Time is O(nnz d) for sparse codes and O(n width d) for dense activations.

    Examples
    --------
    >>> ids = np.array(list("abcd"))
    >>> codes = SparseCodes.from_matrix(ids, np.array([[1.0, 1], [1, 0], [0, 1], [0, 0]]))
    >>> judge = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1]])  # the first two images are alike, and the last two
    >>> monosemanticity(codes, judge).score.tolist()
    [1.0, 0.0]
    """
    activations = codes.csr() if isinstance(codes, SparseCodes) else np.asarray(codes)
    judge = np.asarray(judge)
    if activations.ndim != 2 or judge.ndim != 2 or 0 in activations.shape:
        raise CompanionError(f"activations of shape {activations.shape}, judge {judge.shape}; give two filled matrices")
    check_paired("activations", activations, "judge embeddings", judge)
    parts = []
    for latents in blocks(activations.shape[1], LATENTS_AT_ONCE):
        columns = activations if activations.shape[1] <= LATENTS_AT_ONCE else activations[:, latents]
        sums = ScoreSums(columns.shape[1], judge.shape[1])
        for rows in blocks(len(judge), chunk):
            sums.update(columns[rows], judge[rows])
        parts.append(sums.score(min_support))
    names = ("score", "corrected", "pair_count_score", "support", "n_eff")
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return MonosemanticityScore(**arrays, chance=parts[0].chance, images=parts[0].images)
