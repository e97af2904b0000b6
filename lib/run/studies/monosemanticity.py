"""Paper 1: the Monosemanticity Score of dictionaries and of every control, under every judge of the world."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lib.data.errors import CompanionError
from lib.data.progress import progress
from lib.metrics.monosemanticity import MonosemanticityScore, monosemanticity
from lib.metrics.top_examples import top_examples
from lib.metrics.uniqueness import uniqueness
from lib.report.figures import image_grid
from lib.run.start import Session
from lib.run.studies.dictionaries import Fitted, Recipe
from lib.sae.codes import SparseCodes

SUPPORT = 10
"""Images that must activate a latent before it can be called best: two near-duplicates make any pair score 1."""

TOP = 16
"""Top images a latent, as in the paper."""

KS = (1, 4, 8, 16, 32)
"""The sparsity sweep."""

PAPER_RECIPES = ("batch_topk", "matryoshka")
"""The two dictionaries that the paper evaluates."""


def widths(session: Session) -> list[int]:
    """The expansions of the profile, and 1: raw neurons are compared at equal width."""
    return sorted({1, *session.profile.sae.expansions})


def wide(session: Session) -> int:
    """The expansion of the dictionaries that are looked at one latent at a time: 4, or the widest if there is no 4."""
    return 4 if 4 in widths(session) else widths(session)[-1]


def recipes(session: Session) -> list[Recipe]:
    """Both dictionaries at every width, the sparsity sweep at the embedding's width, and the untrained controls."""
    k = session.profile.sae.k
    paper = [Recipe(name, e, k) for name in PAPER_RECIPES for e in widths(session)]
    sweep = [Recipe("matryoshka", 1, one) for one in KS if one != k]
    return paper + sweep + [Recipe("matryoshka", e, k, trained=False) for e in widths(session)]


def score(activations: np.ndarray | SparseCodes, judge: np.ndarray) -> MonosemanticityScore:
    """The score of every latent of the test images, no minimum support."""
    return monosemanticity(activations, judge)


def supported(scores: MonosemanticityScore) -> np.ndarray:
    """The scores of the latents that at least SUPPORT images activate."""
    return scores.score[scores.live & (scores.support >= SUPPORT)]


def dense_controls(session: Session) -> Iterator[tuple[str, int, np.ndarray]]:
    """Name, seed and activations (test images, d) of the neurons that no dictionary made.

    raw: the coordinates of the embedding. raw ReLU: what exceeds the training median, so that subtracting the minimum
    does not turn a dense neuron into a constant. rotated: raw in a random orthonormal basis.
    """
    x = session.world.embeddings("test").tower("image").astype(np.float64)
    median = np.median(session.world.embeddings("train").tower("image"), axis=0)
    for seed in session.seeds:
        basis, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((x.shape[1], x.shape[1])))
        yield "raw", seed, x
        yield "raw ReLU", seed, np.maximum(x - median, 0)
        yield "rotated", seed, x @ basis


def shuffled(codes: SparseCodes, seed: int) -> SparseCodes:
    """The same codes given to other images: each latent keeps its activations, and loses its meaning."""
    order = np.random.default_rng(seed).permutation(len(codes))
    return SparseCodes.from_matrix(codes.ids, codes.csr()[order])


def score_table(session: Session, fitted: Iterable[Fitted]) -> pd.DataFrame:
    """One row for each arm, seed and judge.

    mean, sd, best, worst: over live latents. supported_best: over those with SUPPORT images. live: their share.
    above_raw: share of live latents above the best raw neuron. high: latents whose chance-corrected score exceeds
    one half. corrected: mean of (MS - chance) / (1 - chance). pair_count: mean with the first version's denominator.
    """
    fitted = list(fitted)
    rows = []
    for name, judge in session.world.judges("test").items():
        reference = score(session.world.embeddings("test").tower("image"), judge.tower("image")).score.max()
        for arm, seed, activations in dense_controls(session):
            plain = {"arm": arm, "expansion": 1, "k": activations.shape[1], "seed": seed, "r2": np.nan, "l0": np.nan}
            rows.append(plain | {"judge": name} | _summary(score(activations, judge.tower("image")), reference))
        for f in progress(fitted, desc=f"scores by {name}"):
            about = {"expansion": f.recipe.expansion, "k": f.recipe.k, "seed": f.seed, "judge": name}
            about |= {"r2": f.fidelity.r2, "l0": f.firing.l0}
            arms = {f.recipe.name if f.recipe.trained else "untrained": f.codes}
            if f.recipe.name == "matryoshka" and f.recipe.trained and f.recipe.k == session.profile.sae.k:
                arms["shuffled"] = shuffled(f.codes, f.seed)
            for arm, codes in arms.items():
                rows.append({"arm": arm} | about | _summary(score(codes, judge.tower("image")), reference))
    return pd.DataFrame(rows)


def _summary(scores: MonosemanticityScore, reference: float) -> dict[str, float]:
    live, kept = scores.score[scores.live], supported(scores)
    return scores.summary() | {
        "supported_best": float(kept.max()) if len(kept) else np.nan,
        "above_raw": float((live > reference).mean()),
        "high": float((scores.corrected[scores.live] > 0.5).sum()),
        "corrected": float(scores.corrected[scores.live].mean()),
        "pair_count": float(scores.pair_count_score.mean()),
        "chance": scores.chance,
    }


def sorted_scores(session: Session, fitted: Iterable[Fitted], judge: str) -> pd.DataFrame:
    """The live scores of dictionaries and of raw neurons, falling, against rank over width: arm, seed, rank, score."""
    matrix = session.world.judges("test")[judge].tower("image")
    named = [(f.recipe.name if f.recipe.trained else "untrained", f.seed, f.codes) for f in fitted]
    raw = session.world.embeddings("test").tower("image")
    parts = []
    for arm, seed, activations in [*named, ("raw", 0, raw)]:
        scores = score(activations, matrix)
        falling = np.sort(scores.score[scores.live])[::-1]
        rank = np.arange(len(falling)) / len(scores.score)
        parts.append(pd.DataFrame({"arm": arm, "seed": seed, "rank": rank, "score": falling}))
    return pd.concat(parts, ignore_index=True)


def judge_agreement(session: Session, fitted: Iterable[Fitted]) -> pd.DataFrame:
    """Scores of the same supported latents under both judges: seed, latent, and one column a judge."""
    judges = session.world.judges("test")
    parts = []
    for f in fitted:
        scores = {name: score(f.codes, judge.tower("image")) for name, judge in judges.items()}
        first = next(iter(scores.values()))
        keep = np.flatnonzero(first.live & (first.support >= SUPPORT))
        columns = {name: one.score[keep] for name, one in scores.items()}
        parts.append(pd.DataFrame({"seed": f.seed, "latent": keep, **columns}))
    return pd.concat(parts, ignore_index=True)


def distinctness(session: Session, fitted: Iterable[Fitted]) -> pd.DataFrame:
    """Overlap of the top-TOP training images of all pairs of latents, and of random sets of the same size.

    Columns: seed, latents (with TOP images), any (share of pairs that share an image), half (share with Jaccard
    above one half), any_random.
    """
    train = session.world.embeddings("train")
    rows = []
    for f in fitted:
        unique = uniqueness(top_examples(f.sae.codes(train), TOP))
        chance = 1 - np.prod([1 - TOP / (len(train) - i) for i in range(TOP)])
        overlap = {"any": unique.share_above(0), "half": unique.share_above(0.5), "any_random": chance}
        rows.append({"seed": f.seed, "latents": len(unique.full), **overlap})
    return pd.DataFrame(rows)


def ladder(fitted: Fitted, judge: np.ndarray, pictures: int = 8) -> pd.DataFrame:
    """The strongest pictures of the supported latents at four places of the score: percentile, latent, score, picture.

    One row a picture, strongest first; `picture` is a row number of the test split. At least one latent must be
    supported.
    """
    scores = score(fitted.codes, judge)
    keep = np.flatnonzero(scores.live & (scores.support >= SUPPORT))
    if not len(keep):
        raise CompanionError(
            f"no latent is active on {SUPPORT} of {len(fitted.codes)} test pictures; --set splits.test=N takes more"
        )
    order = keep[scores.score[keep].argsort()]
    best = top_examples(fitted.codes, pictures).rows
    parts = []
    for percentile in (100, 75, 50, 25):
        latent = order[(len(order) - 1) * percentile // 100]
        about = {"percentile": percentile, "latent": latent, "score": scores.score[latent]}
        parts.append(pd.DataFrame({**about, "picture": best[latent]}))
    return pd.concat(parts, ignore_index=True)


def ladder_figure(session: Session, ladder: pd.DataFrame) -> Figure | None:
    """The pictures of a ladder, one row a latent; None in a world without pictures."""
    if not session.world.has_pictures:
        return None
    pictures = session.world.pairs("test").images
    rows = [f"{percentile} %" for percentile in ladder.percentile.unique()]
    return image_grid([pictures[i] for i in ladder.picture], columns=len(ladder) // len(rows), rows=rows)
