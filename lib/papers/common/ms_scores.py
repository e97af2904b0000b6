"""Paper 1: the Monosemanticity Score of dictionaries and of every control, under every judge of the world."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import scipy.sparse as sp
from matplotlib.figure import Figure

from lib.base.progress import progress
from lib.encoders.embeddings import Embeddings
from lib.metrics.constructed_latents import nearest_images, resized
from lib.metrics.equal_sparsity import equalised
from lib.metrics.monosemanticity import MonosemanticityScore, monosemanticity
from lib.metrics.top_examples import TopExamples, top_examples
from lib.metrics.uniqueness import uniqueness
from lib.papers.common.dictionaries import Fitted, Recipe, fit_recipes
from lib.report.figures import image_grid
from lib.sae.codes import SparseCodes
from lib.worlds.least_sizes import SCORES, check_sizes
from lib.worlds.session import Session

SUPPORT = 10
"""Images that must activate a latent before it can be called best: without it, two near-duplicates score 1."""

TOP_IMAGES = SCORES.train
"""Top images per latent, as in the paper."""

SWEPT_KS = (1, 4, 8, 16, 32)
"""Numbers of active latents in the sparsity sweep; those above an embedding's width have no value there."""

PAPER_RECIPES = ("batch_topk", "matryoshka")
"""The two dictionaries that the paper evaluates."""

PAPER_DENSITY = 20 / 768
"""Active latents for each dimension of the embedding in the paper: K 20 at the last layer of CLIP ViT-L."""


def widths(session: Session) -> list[int]:
    """The expansions of the profile and 1, because raw neurons are compared at equal width."""
    return sorted({1, *session.profile.sae.expansions})


def wide(session: Session) -> int:
    """The expansion of the dictionaries that are shown one latent at a time: 4, or the widest if there is no 4."""
    return 4 if 4 in widths(session) else widths(session)[-1]


def paper_k(session: Session) -> int:
    """Return the number of active latents whose ratio to this world's dimensions is that of the paper."""
    return max(1, round(PAPER_DENSITY * session.world.embeddings("train").tower("image").shape[1]))


def scored(session: Session) -> Session:
    """Return the session with as many test images as the profile scores; it trains the same dictionaries.

    An error names the least numbers of images where there are fewer.
    """
    splits = session.profile.splits
    more = splits.model_copy(update={"test": max(splits.test, session.profile.scored or 0)})
    found = replace(session, profile=session.profile.model_copy(update={"splits": more}))
    check_sizes(found, SCORES)
    return found


def ms_recipes(session: Session) -> list[Recipe]:
    """The paper's dictionaries at every width, the sparsity sweep at the embedding's width, and untrained controls.

    At the embedding's width they are also trained at the paper's density.
    """
    paper = [wide_recipe(session, name, e) for name in PAPER_RECIPES for e in widths(session)]
    width = session.world.embeddings("train").tower("image").shape[1]
    sweep = [Recipe("matryoshka", 1, one) for one in SWEPT_KS if one <= width]
    controls = [replace(one, trained=False) for one in paper + sweep if one.name == "matryoshka"]
    return list(dict.fromkeys([*paper, *equal_width_recipes(session), *sweep, *controls]))


def wide_recipe(session: Session, name: str, expansion: int) -> Recipe:
    """Return a dictionary of a width at the profile's sparsity; if the profile says so, wider ones train longer.

    They make twice the profile's steps, at a learning rate that does not fall with the root of the width and is the
    root of two times that of width x1, and that falls to zero over the last fifth of the steps. Chosen on the dev split
    of the scenes: with the profile's steps and rate R2 falls with the width (from 0.79 to 0.68 for BatchTopK), that is,
    the wide dictionaries have not converged. With these, BatchTopK at x8 leaves 0.18 unexplained, and 0.20 after twice
    as many steps at x1's rate without a fall.
    """
    settings = session.profile.sae
    if expansion == 1 or not settings.longer:
        return Recipe(name, expansion, settings.k)
    return Recipe(name, expansion, settings.k, steps=2 * settings.steps, rate=math.sqrt(2 * expansion), decay=0.2)


def equal_width_recipes(session: Session) -> list[Recipe]:
    """The paper's two dictionaries at the embedding's width and an untrained one, at the paper's density and ours."""
    both = dict.fromkeys((session.profile.sae.k, paper_k(session)))
    trained = [Recipe(name, 1, k) for k in both for name in PAPER_RECIPES]
    return [*trained, *(Recipe("matryoshka", 1, k, trained=False) for k in both)]


def fit_paper_recipes(session: Session) -> list[Fitted]:
    """Fit `equal_width_recipes` with every seed."""
    return fit_recipes(session, equal_width_recipes(session))


def supported(scores: MonosemanticityScore) -> np.ndarray:
    """The scores of the latents that at least SUPPORT images activate."""
    return scores.score[scores.live & (scores.support >= SUPPORT)]


def dense_controls(session: Session) -> Iterator[tuple[str, int, np.ndarray]]:
    """Name, seed and activations (test images, d) of the controls that are neurons without a dictionary.

    raw: the coordinates of the embedding. raw ReLU: their excess over the training median, so that subtracting the
    minimum does not turn a dense neuron into a constant. rotated: raw in a random orthonormal basis.
    """
    x = session.world.embeddings("test").tower("image").astype(np.float64)
    median = np.median(session.world.embeddings("train").tower("image"), axis=0)
    for seed in session.seeds:
        basis, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((x.shape[1], x.shape[1])))
        yield "raw", seed, x
        yield "raw ReLU", seed, np.maximum(x - median, 0)
        yield "rotated", seed, x @ basis


def shuffled(codes: SparseCodes, seed: int) -> SparseCodes:
    """Give the codes to other images, so that each latent keeps its activations and loses its meaning."""
    order = np.random.default_rng(seed).permutation(len(codes))
    return SparseCodes.from_matrix(codes.ids, codes.csr()[order])


def score_table(session: Session, fitted: Iterable[Fitted]) -> pd.DataFrame:
    """Monosemanticity Scores of all arms, one row per arm, width, sparsity, seed and judge.

    mean, sd, best, worst: over live latents. supported_best: best of those with SUPPORT images. live: share of live
    latents. images: median number of images that activate a live latent.
    above_raw: share of live latents above the best raw neuron. above_untrained: probability that a live latent scores
    above one of the untrained dictionary of its width, sparsity and seed; NaN where there is none. high: latents whose
    chance-corrected score exceeds one half. corrected: mean of (MS - chance) / (1 - chance). pair_count: mean with the
    number of pairs as denominator.
    r2, l0: with the learnt threshold. r2_equal, l0_equal: with the k * n largest pre-activations of all n images.
    l0_free: without any threshold. Arms: raw, raw ReLU, rotated (of `dense_controls`), the name of a recipe, untrained,
    "shuffled NAME" (a recipe's codes on other images), nearest and resized (of `constructed_codes`). What has no value,
    such as a mean over no live latent or a sparsity of more latents than there are, is NaN.
    """
    fitted, rows = list(fitted), []
    measures = [fit_measures(session, f) for f in progress(fitted, desc="equal sparsity")]
    for name, judge in session.world.judges("test").items():
        matrix = judge.tower("image")
        raw = session.world.embeddings("test").tower("image")
        reference = monosemanticity(raw, matrix).score.max()
        nulls = {_place(f): monosemanticity(f.codes, matrix) for f in fitted if not f.recipe.trained}
        for arm, seed, activations in dense_controls(session):
            about = {"arm": arm, "expansion": 1, "k": raw.shape[1], "seed": seed, "judge": name}
            rows.append(about | _summary(monosemanticity(activations, matrix), reference))
        for f, fit in progress(list(zip(fitted, measures, strict=True)), desc=f"scores by {name}"):
            about = {"expansion": f.recipe.expansion, "k": f.recipe.k, "seed": f.seed, "judge": name}
            arms = {f.recipe.name if f.recipe.trained else "untrained": (f.codes, fit)}
            if f.recipe.trained:
                arms[f"shuffled {f.recipe.name}"] = (shuffled(f.codes, f.seed), {})
            for arm, (codes, more) in arms.items():
                found = monosemanticity(codes, matrix)
                rows.append({"arm": arm} | about | more | _summary(found, reference, nulls.get(_place(f))))
        for arm, about, codes in constructed_codes(session, judge, fitted):
            rows.append({"arm": arm, "judge": name} | about | _summary(monosemanticity(codes, matrix), reference))
        arms_of_sweep = ("matryoshka", "shuffled matryoshka", "untrained", "nearest")
        rows += [
            {"arm": arm, "expansion": 1, "k": k, "seed": seed, "judge": name}
            for k in SWEPT_KS
            if k > raw.shape[1]
            for arm in arms_of_sweep
            for seed in session.seeds
        ]
    return pd.DataFrame(rows)


def _place(f: Fitted) -> tuple[int, int, int]:
    return f.recipe.expansion, f.recipe.k, f.seed


def fit_measures(session: Session, f: Fitted) -> dict[str, float]:
    """R2 and L0 of a dictionary with its own threshold, with that of equal sparsity, and without any."""
    equal = equalised(f.sae, session.world.embeddings("test"), f.recipe.k)
    own = {"r2": f.fidelity.r2, "l0": f.firing.l0}
    return own | {"r2_equal": equal.r2, "l0_equal": equal.l0, "l0_free": equal.l0_free}


def constructed_codes(
    session: Session, judge: Embeddings, fitted: Iterable[Fitted]
) -> Iterator[tuple[str, dict[str, int], SparseCodes]]:
    """Yield the positive controls of the fitted Matryoshka dictionaries: arm, the dictionary to compare with, codes.

    nearest: as many latents of `nearest_images`, each on as many images as activate a trained latent on average.
    resized: as many latents, made of those that "nearest" has at the second width, so that narrower ones are mixed and
    wider ones also have others that mean nothing.
    """
    middle = widths(session)[:2][-1]
    for f in fitted:
        if f.recipe.name != "matryoshka" or not f.recipe.trained:
            continue
        e, k, width = f.recipe.expansion, f.recipe.k, f.sae.width
        about = {"expansion": e, "k": k, "seed": f.seed}
        yield "nearest", about, nearest_images(judge, width, average_support(f.codes, k), f.seed)
        if k == session.profile.sae.k:
            natural = width // e * middle
            size = max(2, round(len(judge) * k / natural))
            yield "resized", about, resized(nearest_images(judge, natural, size, f.seed), width, f.seed)


def average_support(codes: SparseCodes, k: int) -> int:
    """How many images activate a latent on average, if every image activates k; at least two."""
    return max(2, round(len(codes) * k / codes.width))


def superiority(scores: np.ndarray, others: np.ndarray) -> float:
    """Probability that one of `scores` (n,) exceeds one of `others` (m,), drawn at random; a tie counts one half.

    NaN where there are none of either.
    """
    if not len(scores) or not len(others):
        return float("nan")
    falling = np.sort(others)
    below = np.searchsorted(falling, scores, "left") + np.searchsorted(falling, scores, "right")
    return float(below.mean() / (2 * len(others)))


def _summary(
    scores: MonosemanticityScore, reference: float, null: MonosemanticityScore | None = None
) -> dict[str, float]:
    live, kept = scores.score[scores.live], supported(scores)
    if not len(live):
        return {"live": 0.0, "chance": scores.chance}
    return scores.summary() | {
        "images": float(np.median(scores.support[scores.live])),
        "supported_best": float(kept.max()) if len(kept) else np.nan,
        "above_raw": float((live > reference).mean()),
        "above_untrained": np.nan if null is None else superiority(live, null.score[null.live]),
        "high": float((scores.corrected[scores.live] > 0.5).sum()),
        "corrected": float(scores.corrected[scores.live].mean()),
        "pair_count": float(scores.pair_count_score.mean()),
        "chance": scores.chance,
    }


def sorted_scores(session: Session, fitted: Iterable[Fitted], judge: str) -> pd.DataFrame:
    """Scores of the live latents and of raw neurons in falling order: arm, seed, rank (over width), score."""
    matrix = session.world.judge("test", judge).tower("image")
    arms: list[tuple[str, int, np.ndarray | SparseCodes]]
    arms = [(f.recipe.name if f.recipe.trained else "untrained", f.seed, f.codes) for f in fitted]
    arms.append(("raw", 0, session.world.embeddings("test").tower("image")))
    parts = []
    for arm, seed, activations in arms:
        scores = monosemanticity(activations, matrix)
        falling = np.sort(scores.score[scores.live])[::-1]
        rank = np.arange(len(falling)) / len(scores.score)
        parts.append(pd.DataFrame({"arm": arm, "seed": seed, "rank": rank, "score": falling}))
    return pd.concat(parts, ignore_index=True)


def judge_agreement(session: Session, fitted: Iterable[Fitted]) -> pd.DataFrame:
    """Scores of the same supported latents, one row per seed and latent, one column per judge.

    first_half, second_half: by the main judge on every second image alone. "NAME, other images": by each judge, which
    is given another image in place of each.
    """
    judges = {name: one.tower("image") for name, one in session.world.judges("test").items()}
    parts = []
    for f in fitted:
        found = {name: monosemanticity(f.codes, judge) for name, judge in judges.items()}
        first = next(iter(found.values()))
        keep = np.flatnonzero(first.live & (first.support >= SUPPORT))
        other = shuffled(f.codes, f.seed)
        found |= {f"{name}, other images": monosemanticity(other, judge) for name, judge in judges.items()}
        matrix, main = f.codes.csr(), next(iter(judges.values()))
        for half, name in enumerate(("first_half", "second_half")):
            codes = SparseCodes.from_matrix(f.codes.ids[half::2], matrix[half::2])
            found[name] = monosemanticity(codes, main[half::2])
        columns = {name: one.score[keep] for name, one in found.items()}
        parts.append(pd.DataFrame({"seed": f.seed, "latent": keep, **columns}))
    return pd.concat(parts, ignore_index=True)


def distinctness(session: Session, fitted: Iterable[Fitted]) -> pd.DataFrame:
    """Overlap of the TOP_IMAGES training images of all pairs of latents, and of random sets of the same size.

    Columns: seed, latents (with TOP_IMAGES images), any (share of pairs that share an image), half (share with Jaccard
    above one half), any_random (by calculation), half_random (of as many sets, drawn). The shares are NaN where fewer
    than two latents have that many images.
    """
    train = session.world.embeddings("train")
    rows: list[dict[str, float]] = []
    for f in fitted:
        top = top_examples(f.sae.codes(train), TOP_IMAGES)
        full = int((top.counts == TOP_IMAGES).sum())
        if full < 2:
            shares = dict.fromkeys(("any", "half", "any_random", "half_random"), np.nan)
            rows.append({"seed": f.seed, "latents": full, **shares})
            continue
        unique = uniqueness(top)
        chance = 1 - float(np.prod([1 - TOP_IMAGES / (len(train) - i) for i in range(TOP_IMAGES)]))
        overlap: dict[str, float] = {
            "any": unique.share_above(0),
            "half": unique.share_above(0.5),
            "any_random": chance,
        }
        overlap["half_random"] = uniqueness(random_sets(train.ids, len(unique.full), f.seed)).share_above(0.5)
        rows.append({"seed": f.seed, "latents": len(unique.full), **overlap})
    return pd.DataFrame(rows)


def random_sets(ids: np.ndarray, sets: int, seed: int) -> TopExamples:
    """Draw lists of TOP_IMAGES random images, as if they were the top images of latents."""
    random = np.random.default_rng(seed)
    rows = np.concatenate([random.choice(len(ids), TOP_IMAGES, replace=False) for _ in range(sets)])
    starts = np.arange(0, TOP_IMAGES * sets + 1, TOP_IMAGES)
    by_latent = sp.csr_array((np.ones(len(rows)), rows, starts), shape=(sets, len(ids)))
    return top_examples(SparseCodes.from_matrix(ids, sp.csr_array(by_latent.T)), TOP_IMAGES)


def score_ladder(fitted: Fitted, judge: np.ndarray, pictures: int = 8) -> pd.DataFrame:
    """The strongest pictures of the supported latents at the best, 75th, 50th and 25th percentile of the score.

    Columns: percentile, latent, score, picture (a row number of the test split); one row per picture, strongest first.
    Without a supported latent there are no rows.
    """
    scores = monosemanticity(fitted.codes, judge)
    keep = np.flatnonzero(scores.live & (scores.support >= SUPPORT))
    if not len(keep):
        return pd.DataFrame(columns=["percentile", "latent", "score", "picture"])
    order = keep[scores.score[keep].argsort()]
    best = top_examples(fitted.codes, pictures).rows
    parts = []
    for percentile in (100, 75, 50, 25):
        latent = order[(len(order) - 1) * percentile // 100]
        about = {"percentile": percentile, "latent": latent, "score": scores.score[latent]}
        parts.append(pd.DataFrame({**about, "picture": best[latent]}))
    return pd.concat(parts, ignore_index=True)


def ladder_figure(session: Session, ladder: pd.DataFrame) -> Figure | None:
    """The pictures of a ladder, one row per latent; None without pictures, or where the ladder has no rows."""
    if not len(ladder) or not session.world.has_pictures:
        return None
    pictures = session.world.pictures("test")
    rows = [f"{percentile} %" for percentile in ladder.percentile.unique()]
    return image_grid([pictures[i] for i in ladder.picture], columns=len(ladder) // len(rows), rows=rows)
