"""Paper 4: masks that know what a caption says, and how much the best score could gain: the headroom before any
training.

No method can use these: they take the ground truth. They show whether a world leaves an edit anything to gain, and so
whether what a learnt mask does there says something about the method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lib.base.progress import progress
from lib.data.procedural import SILENT
from lib.editing.masker import ImageSide
from lib.metrics.factor_shares import best_factor_share, factor_shares
from lib.metrics.fidelity import fidelity
from lib.papers.p4.baseline_scores import masked_scores, reconstruction_scores, unedited_scores
from lib.papers.p4.dial_recalls import dial_recalls
from lib.papers.p4.editing_pairs import training_pairs
from lib.sae.base import SAE
from lib.worlds.dialled_captions import caption_pictures
from lib.worlds.session import Session

ORACLE = "oracle mask"
"""Name of the arm whose masks know the told factors."""

FLOORS = (0.0, 0.25, 0.5, 0.75)
"""The share that a soft oracle mask keeps of a latent that is independent of the told factors."""

CHOSEN_AT = (3, 8)
"""Numbers of facts in the dev captions on which the oracle's floor is chosen."""


@dataclass(frozen=True)
class Oracle:
    """Masks from the ground truth over one dictionary."""

    shares: np.ndarray
    """(width, factors) of `factor_shares`, on training pictures."""
    floor: float | None = None
    """Floor of soft masks; None for hard ones."""

    def masks(self, asserted: np.ndarray) -> Tensor:
        """Masks (m, width) of captions that assert codes (m, factors).

        Hard: 1 for latents whose best factor is told, else 0. Soft: from the floor to 1 by the share of what factors
        explain that belongs to told ones. The whole factor is kept and not only the told value, so that a wrong value
        shows. Latents that no factor explains are kept.
        """
        told = (asserted != SILENT).astype(np.float64)
        explained = self.shares.sum(axis=1)
        if self.floor is None:
            kept = told[:, self.shares.argmax(axis=1)]
        else:
            share = told @ self.shares.T / np.maximum(explained, 1e-12)
            kept = self.floor + (1 - self.floor) * share.clip(0, 1)
        return torch.from_numpy(np.where(explained > 0, kept, 1.0))


def oracle_of(session: Session, sae: SAE, floor: float | None = None) -> Oracle:
    """The oracle of a dictionary, from the training pictures."""
    train = training_pairs(session)
    return Oracle(factor_shares(sae.codes(train.embeddings), train.dialled.codes), floor)


def best_oracle(session: Session, sae: SAE, rho: float, n: int) -> Oracle:
    """The hard or soft oracle with the best exact R@1 on n dev pictures."""
    plain = oracle_of(session, sae)
    tests = [caption_pictures(session, "dev", n, told) for told in CHOSEN_AT]
    images = [ImageSide.of(sae, test.embeddings, rho, dtype=torch.float64) for test in tests]

    def recall(oracle: Oracle) -> float:
        scores = [
            masked_scores(image, test.text, oracle.masks(test.dialled.asserted))
            for image, test in zip(images, tests, strict=True)
        ]
        found = [dial_recalls(s, test.dialled.holds()) for s, test in zip(scores, tests, strict=True)]
        return float(np.mean([one["i2t"] + one["t2i"] for one in found]))

    return max((Oracle(plain.shares, floor) for floor in (None, *FLOORS)), key=recall)


@dataclass(frozen=True)
class GaussianModel:
    """A model of pictures as a mean, an effect of each factor's value, and normal noise, fitted with the true codes.

    Told facts fix the mean; untold ones add their covariance to that of the noise. The log-density of a picture under a
    caption is the best score that a linear-Gaussian world allows.
    """

    mean: np.ndarray
    """(d,) mean of the pictures."""
    effects: list[np.ndarray]
    """One (values, d) per factor; a last row of zeros stands for "none"."""
    spreads: list[np.ndarray]
    """(d, d) covariance of each factor's effect."""
    noise: np.ndarray
    """(d, d) covariance of the rest, which no factor explains."""

    @classmethod
    def fit(cls, image: np.ndarray, codes: np.ndarray, values: Sequence[int]) -> GaussianModel:
        """Fit to pictures (n, d) with codes (n, factors) by ridge regression on one-hot values."""
        x = image.astype(np.float64)
        mean = x.mean(axis=0)
        table = np.concatenate([np.eye(v + 1)[column] for v, column in zip(values, codes.T, strict=True)], axis=1)
        centre = table.mean(axis=0)
        gram = (table - centre).T @ (table - centre) + 1e-3 * len(x) * np.eye(table.shape[1])
        weights = np.linalg.solve(gram, (table - centre).T @ (x - mean))
        residual = x - mean - (table - centre) @ weights
        effects, spreads, start = [], [], 0
        for v, column in zip(values, codes.T, strict=True):
            own = weights[start : start + v + 1] - centre[start : start + v + 1] @ weights[start : start + v + 1]
            effects.append(own)
            spreads.append(np.cov(own[column].T, bias=True))
            start += v + 1
        noise = residual.T @ residual / len(x) + 1e-5 * np.trace(np.cov(x.T)) / x.shape[1] * np.eye(x.shape[1])
        return cls(mean, effects, spreads, noise)

    def scores(self, image: np.ndarray, asserted: np.ndarray) -> np.ndarray:
        """Log-densities (n, m), up to a constant, of pictures (n, d) under captions that assert codes (m, factors)."""
        x = image.astype(np.float64) - self.mean
        scores = np.empty((len(x), len(asserted)))
        for j, said in enumerate(asserted):
            told = said != SILENT
            covariance = self.noise + sum(s for s, is_told in zip(self.spreads, told, strict=True) if not is_told)
            factor = np.linalg.cholesky(covariance)
            off = np.linalg.solve(factor, (x - self._mean_of(said)).T)
            scores[:, j] = -0.5 * np.square(off).sum(axis=0) - np.log(np.diag(factor)).sum()
        return scores

    def query_scores(self, image: np.ndarray, asserted: np.ndarray) -> np.ndarray:
        """Scores (n, m) of the best linear query of each caption under one covariance: what tuned text could reach."""
        means = np.stack([self._mean_of(said) for said in asserted])
        inverse = np.linalg.inv(self.noise + np.sum(self.spreads, axis=0))
        return (image - self.mean) @ inverse @ means.T - 0.5 * np.einsum("md,de,me->m", means, inverse, means)

    def _mean_of(self, said: np.ndarray) -> np.ndarray:
        parts = [e[code] for e, code in zip(self.effects, said, strict=True) if code != SILENT]
        return np.sum([np.zeros_like(self.mean), *parts], axis=0)


def headroom_table(
    session: Session, saes: dict[str, SAE], values: Sequence[int], n: int, told: Sequence[int]
) -> pd.DataFrame:
    """R@1 of scores that know the truth on n dev pictures, one row per number of facts told and way to score.

    saes: dictionaries by name. Columns: dictionary, masks, residual (kept or dropped), told, those of `dial_recalls`.
    """
    train, rows = training_pairs(session), []
    model = GaussianModel.fit(train.image, train.dialled.codes, values)
    for facts in progress(told, desc="headroom"):
        test = caption_pictures(session, "dev", n, facts)
        said, holds = test.dialled.asserted, test.dialled.holds()

        def add(about: dict[str, str], scores: np.ndarray, facts: int = facts, holds: np.ndarray = holds) -> None:
            rows.append(about | {"told": facts} | dial_recalls(scores, holds))

        none = {"dictionary": "", "residual": ""}
        add(none | {"masks": "unedited"}, unedited_scores(test))
        add(none | {"masks": "best query of the caption"}, model.query_scores(test.image, said))
        add(none | {"masks": "best score of the caption"}, model.scores(test.image, said))
        for name, sae in saes.items():
            shares = oracle_of(session, sae).shares
            for residual, rho in (("kept", 1.0), ("dropped", 0.0)):
                images = ImageSide.of(sae, test.embeddings, rho, dtype=torch.float64)
                about = {"dictionary": name, "residual": residual}
                if rho == 0:
                    add(about | {"masks": "all latents kept"}, reconstruction_scores(images, test.text))
                for floor in (None, *FLOORS):
                    masks = "hard oracle" if floor is None else f"soft oracle, floor {floor}"
                    scores = masked_scores(images, test.text, Oracle(shares, floor).masks(said))
                    add(about | {"masks": masks}, scores)
    return pd.DataFrame(rows)


def recovery_table(session: Session, saes: dict[str, SAE], n: int) -> pd.DataFrame:
    """Fidelity and concepts of dictionaries on n dev pictures, one row each.

    fvu: unexplained variance. by_facts: share of the variance of the latents that factors explain. best_factor: of
    that, the share of each latent's best factor.
    """
    test, rows = caption_pictures(session, "dev", n, CHOSEN_AT[0]), []
    for name, sae in saes.items():
        codes = sae.codes(test.embeddings)
        shares, rates = oracle_of(session, sae).shares, np.asarray((codes.csr() > 0).mean(axis=0)).ravel()
        rows.append(
            {
                "dictionary": name,
                "fvu": fidelity(test.image, sae.reconstruct(codes)).fvu,
                "by_facts": float(np.average(shares.sum(axis=1).clip(0, 1), weights=rates)),
                "best_factor": best_factor_share(shares, rates),
            }
        )
    return pd.DataFrame(rows)
