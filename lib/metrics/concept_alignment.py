"""Whether a latent's top pictures and top captions mean the same: intra- and inter-similarity, and an AUC.

Source: Shen et al. 2025, arXiv 2510.21323, Eq. A13-A14. With x_v^i, x_l^i the means of a judge's embeddings of the
pictures and captions that activate latent i most,

    intra = mean_i cos(x_v^i, x_l^i),   inter = mean_{i != j} cos(x_v^i, x_l^j)

over 100 latents drawn at random, averaged over five draws. Embeddings have unit norm before they are averaged (the
released code averages raw ones, so that long ones weigh more), and inter takes all i != j (the code: i < j only). The
cosine of two means has a floor that depends on the judge, so read intra - inter, or the AUC: the chance that a latent's
own captions are closer to its pictures than another latent's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.base.errors import CompanionError
from lib.metrics.rows import check_paired, check_same_space, unit_rows
from lib.metrics.top_examples import TopExamples

NEURONS, TRIALS, PERMUTATIONS = 100, 5, 200
"""Latents in a trial and trials, as in the paper; permutations from which the floor is estimated."""


@dataclass(frozen=True)
class Alignment:
    """Similarity of pictures and captions of the same latent and of different ones, averaged over trials."""

    intra: float
    """Mean cosine of the pictures and the captions of one latent."""
    inter: float
    """Mean cosine of the pictures of a latent and the captions of another."""
    auc: float
    """Chance that a latent's own captions are closer to its pictures than another latent's."""
    floor: float
    """95 % quantile of intra when the captions' lists are assigned to other latents."""
    gaps: np.ndarray
    """(trials,) intra - inter of each trial."""
    dealt: float
    """intra - inter when each latent gets the captions of another one: the value for unrelated lists."""
    latents: int
    """Number of latents that have both means; the trials draw from these."""

    @property
    def gap(self) -> float:
        """intra - inter."""
        return self.intra - self.inter


def concept_means(judge: np.ndarray, top: TopExamples) -> np.ndarray:
    """(width, d) float64 mean of a judge's unit rows (n, d) over the list of each latent; NaN for an empty list."""
    unit = unit_rows("judge embeddings", judge)
    if top.seen != len(unit):
        raise CompanionError(f"lists over {top.seen} rows and a judge of {len(unit)}; judge the rows that were encoded")
    listed = top.rows >= 0
    sums = np.einsum("wm,wmd->wd", listed.astype(np.float64), unit[np.where(listed, top.rows, 0)])
    counts = listed.sum(axis=1)[:, None]
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def measure_alignment(
    image: np.ndarray,
    text: np.ndarray,
    rng: np.random.Generator,
    *,
    neurons: int = NEURONS,
    trials: int = TRIALS,
) -> Alignment:
    """Measure the alignment of concept means image (width, d) and text (width, d).

    Latents with a NaN or a zero mean are left out. Where fewer than `neurons` are left, every trial takes all of them.

    Examples
    --------
    >>> image = np.eye(3)
    >>> text = np.array([[1.0, 0, 0], [0, 1, 0], [1, 0, 1]])
    >>> found = measure_alignment(image, text, np.random.default_rng(0))
    >>> round(found.intra, 3), round(found.inter, 3), found.latents
    (0.902, 0.118, 3)
    """
    check_paired("image means", image, "text means", text)
    check_same_space("image means", image, "text means", text)
    alive = [np.nan_to_num(np.linalg.norm(means, axis=1)) > 1e-12 for means in (image, text)]
    usable = np.flatnonzero(alive[0] & alive[1])
    if len(usable) < 2:
        raise CompanionError(f"{len(usable)} latents have pictures and captions; inter-similarity needs at least 2")
    parts = []
    for _ in range(trials):
        chosen = rng.permutation(usable)[:neurons]
        cosines = unit_rows("image means", image[chosen]) @ unit_rows("text means", text[chosen]).T
        others = intra_inter_auc(np.roll(cosines, 1, axis=1))  # the latents are in random order
        parts.append((*intra_inter_auc(cosines), permutation_floor(cosines, rng), others[0] - others[1]))
    intra, inter, auc, floor, dealt = np.array(parts).T
    return Alignment(
        intra=float(intra.mean()),
        inter=float(inter.mean()),
        auc=float(auc.mean()),
        floor=float(floor.mean()),
        gaps=intra - inter,
        dealt=float(dealt.mean()),
        latents=len(usable),
    )


def intra_inter_auc(cosines: np.ndarray) -> tuple[float, float, float]:
    """Intra, inter and AUC of an (n, n) matrix of cosines, pictures by captions of the same n latents."""
    n = len(cosines)
    own = np.diagonal(cosines)
    ordered = np.sort(cosines, axis=None)
    below = np.searchsorted(ordered, own, "left") + np.searchsorted(ordered, own, "right")  # ties count half
    wins = (below.sum() - n) / 2 - n * (n - 1) / 2
    pairs = n * (n - 1)
    return float(own.mean()), float((cosines.sum() - own.sum()) / pairs), float(wins / (n * pairs))


def permutation_floor(cosines: np.ndarray, rng: np.random.Generator, draws: int = PERMUTATIONS) -> float:
    """95 % quantile of intra over permutations of the captions' lists."""
    n = len(cosines)
    orders = np.stack([rng.permutation(n) for _ in range(draws)])
    return float(np.quantile(cosines[np.arange(n), orders].mean(axis=1), 0.95))


def first_occurrences(matrix: np.ndarray, tie: float = 1e-6) -> np.ndarray:
    """bool (n,): True for rows whose direction no earlier row has, so that of repeated captions the first is kept."""
    unit = unit_rows("embeddings", matrix)
    same = np.tril(unit @ unit.T > 1 - tie, -1)
    return ~same.any(axis=1)
