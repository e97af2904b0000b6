"""Do a latent's top pictures and top captions mean the same? Intra- and inter-similarity, and how often they match.

Shen et al. 2025, arXiv 2510.21323, Eq. A13-A14: with x_v^i, x_l^i the means of a judge's embeddings of the pictures and
captions that activate latent i most,

    intra = mean_i cos(x_v^i, x_l^i),   inter = mean_{i != j} cos(x_v^i, x_l^j)

over 100 latents drawn at random, mean of five draws. Embeddings have unit norm before they are averaged (the released
code averages raw ones, so that long ones weigh more), and inter takes all i != j (the code: i < j only). The cosine of
two means has a floor that depends on the judge: read intra - inter, or the AUC, the chance that a latent's own captions
are closer to its pictures than another latent's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from lib.data.errors import CompanionError
from lib.metrics.rows import paired, same_space, unit_rows
from lib.metrics.top_examples import TopExamples

NEURONS, TRIALS, PERMUTATIONS = 100, 5, 200


@dataclass(frozen=True)
class Alignment:
    """Means over trials. floor: the 95 % quantile of intra when the captions' lists are dealt out to other latents.

    gaps: intra - inter of each trial. latents: how many have pictures and captions, of which the trials draw.
    """

    intra: float
    inter: float
    auc: float
    floor: float
    gaps: np.ndarray
    latents: int

    @property
    def gap(self) -> float:
        """intra - inter."""
        return self.intra - self.inter


def concept_means(judge: np.ndarray, top: TopExamples) -> np.ndarray:
    """(width, d) float64 mean of the unit rows of a judge (n, d) over each latent's list; NaN for an empty list."""
    unit = unit_rows("judge embeddings", judge)
    if top.seen != len(unit):
        raise CompanionError(f"lists over {top.seen} rows and a judge of {len(unit)}; judge the rows that were encoded")
    listed = top.rows >= 0
    sums = np.einsum("wm,wmd->wd", listed.astype(np.float64), unit[np.where(listed, top.rows, 0)])
    counts = listed.sum(axis=1)[:, None]
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def alignment(
    image: np.ndarray,
    text: np.ndarray,
    rng: np.random.Generator,
    *,
    neurons: int = NEURONS,
    trials: int = TRIALS,
) -> Alignment:
    """Alignment of concept means image (width, d) and text (width, d); latents with a NaN or a zero mean are left out.

    Where fewer than `neurons` are left, every trial takes all of them.
    """
    paired("image means", image, "text means", text)
    same_space("image means", image, "text means", text)
    alive = [np.nan_to_num(np.linalg.norm(means, axis=1)) > 1e-12 for means in (image, text)]
    usable = np.flatnonzero(alive[0] & alive[1])
    if len(usable) < 2:
        raise CompanionError(f"{len(usable)} latents have pictures and captions; inter-similarity needs at least 2")
    parts = []
    for _ in range(trials):
        chosen = rng.permutation(usable)[:neurons]
        cosines = unit_rows("image means", image[chosen]) @ unit_rows("text means", text[chosen]).T
        parts.append((*similarity(cosines), permutation_floor(cosines, rng)))
    intra, inter, auc, floor = np.array(parts).T
    return Alignment(
        float(intra.mean()), float(inter.mean()), float(auc.mean()), float(floor.mean()), intra - inter, len(usable)
    )


def similarity(cosines: np.ndarray) -> tuple[float, float, float]:
    """Intra, inter and AUC of an (n, n) matrix of cosines, pictures by captions."""
    n = len(cosines)
    own = np.diagonal(cosines)
    ranks = rankdata(cosines)  # ties count half
    wins = ranks.reshape(n, n).trace() - n * (n + 1) / 2
    pairs = n * (n - 1)
    return float(own.mean()), float((cosines.sum() - own.sum()) / pairs), float(wins / (n * pairs))


def permutation_floor(cosines: np.ndarray, rng: np.random.Generator, draws: int = PERMUTATIONS) -> float:
    """The 95 % quantile of intra over permutations of the captions' lists."""
    n = len(cosines)
    return float(np.quantile([cosines[np.arange(n), rng.permutation(n)].mean() for _ in range(draws)], 0.95))


def first_occurrences(matrix: np.ndarray, tie: float = 1e-6) -> np.ndarray:
    """bool (n,): rows whose direction no earlier row has; of captions that occur twice the first is kept."""
    unit = unit_rows("embeddings", matrix)
    same = np.tril(unit @ unit.T > 1 - tie, -1)
    return ~same.any(axis=1)
