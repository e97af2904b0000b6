"""The studies of paper 1 on a small world, each against its definition in plain numpy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from lib.data.errors import CompanionError
from lib.run.profiles import load_profile
from lib.run.start import Session, open_session
from lib.run.studies import monosemanticity as study
from lib.run.studies.dictionaries import Fitted, Recipe, fit_all
from lib.sae.codes import SparseCodes

SMALL = ["splits.train=300", "splits.dev=5", "splits.test=150", "sae.steps=20", "sae.batch=64", "seeds=[0]"]
RECIPES = [Recipe("matryoshka", 1, 8), Recipe("matryoshka", 1, 8, trained=False), Recipe("batch_topk", 1, 8)]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPANION_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield open_session("10_monosemanticity", load_profile("scenes", SMALL))


@pytest.fixture(scope="module")
def fitted(session: Session) -> list[Fitted]:
    return fit_all(session, RECIPES)


def cosine_matrix(rows: np.ndarray) -> np.ndarray:
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit @ unit.T


def slow_score(activations: np.ndarray, judge: np.ndarray) -> np.ndarray:
    """Eqs. 6 to 9 of the paper, pair by pair; NaN where no pair is active."""
    cosines = cosine_matrix(judge)
    above = np.triu(np.ones_like(cosines, dtype=bool), 1)
    found = []
    for column in activations.T:
        a = (column - column.min()) / (np.ptp(column) or 1)
        weights = np.outer(a, a)[above]
        found.append((weights * cosines[above]).sum() / weights.sum() if weights.any() else np.nan)
    return np.array(found)


def test_a_row_of_the_table_is_what_it_says(session: Session, fitted: list[Fitted]) -> None:
    table = study.score_table(session, fitted)
    assert set(table.arm) == {"raw", "raw ReLU", "rotated", "matryoshka", "shuffled", "untrained", "batch_topk"}
    assert set(table.judge) == {"network", "truth"}
    judge = session.world.judges("test")["truth"].tower("image").astype(np.float64)
    raw = slow_score(session.world.embeddings("test").tower("image").astype(np.float64), judge)
    dense = fitted[0].codes.csr().toarray().astype(np.float64)
    scores = slow_score(dense, judge)
    live = ~np.isnan(scores)
    row = table[(table.arm == "matryoshka") & (table.judge == "truth")].iloc[0]
    assert row["mean"] == pytest.approx(scores[live].mean(), abs=1e-5)
    assert row.supported_best == pytest.approx(scores[live & ((dense > 0).sum(axis=0) >= 10)].max(), abs=1e-5)
    assert row.above_raw == pytest.approx((scores[live] > raw.max()).mean())
    chance = cosine_matrix(judge)[np.triu_indices(len(judge), 1)].mean()
    assert row.chance == pytest.approx(chance, abs=1e-5)
    corrected = (scores[live] - chance) / (1 - chance)
    assert row.corrected == pytest.approx(corrected.mean(), abs=1e-5)
    assert row.high == (corrected > 0.5).sum()
    plain = table[(table.arm == "raw") & (table.judge == "truth")].iloc[0]
    assert plain["mean"] == pytest.approx(raw.mean(), abs=1e-5)


def test_dense_controls_are_what_their_names_say(session: Session) -> None:
    made = {name: activations for name, _, activations in study.dense_controls(session)}
    np.testing.assert_allclose(made["rotated"] @ made["rotated"].T, made["raw"] @ made["raw"].T, atol=1e-9)
    median = np.median(session.world.embeddings("train").tower("image"), axis=0)
    assert ((made["raw ReLU"] > 0) == (made["raw"] > median)).all()


def test_shuffled_codes_keep_each_latents_activations(fitted: list[Fitted]) -> None:
    before, after = fitted[0].codes.csr().toarray(), study.shuffled(fitted[0].codes, 0).csr().toarray()
    np.testing.assert_array_equal(np.sort(before, axis=0), np.sort(after, axis=0))
    assert not np.array_equal(before, after)


def test_curves_fall_and_judges_see_the_same_latents(session: Session, fitted: list[Fitted]) -> None:
    curves = study.sorted_scores(session, fitted[:1], "truth")
    assert set(curves.arm) == {"matryoshka", "raw"}
    for _, curve in curves.groupby("arm"):
        assert (np.diff(curve.score) <= 0).all() and curve["rank"].between(0, 1, inclusive="left").all()
    agreement = study.judge_agreement(session, fitted[:1])
    dense = fitted[0].codes.csr().toarray()
    enough = np.flatnonzero((dense > 0).sum(axis=0) >= study.SUPPORT)
    assert set(agreement.latent) <= set(enough) and {"network", "truth"} <= set(agreement)


def test_overlap_of_top_pictures(session: Session, fitted: list[Fitted]) -> None:
    row = study.distinctness(session, fitted[:1]).iloc[0]
    codes = fitted[0].sae.codes(session.world.embeddings("train")).csr().toarray()
    full = np.flatnonzero((codes > 0).sum(axis=0) >= study.TOP)
    tops = [set(np.argsort(-codes[:, latent], kind="stable")[: study.TOP]) for latent in full]
    shared = [bool(a & b) for i, a in enumerate(tops) for b in tops[i + 1 :]]
    assert row.latents == len(full)
    assert row["any"] == pytest.approx(np.mean(shared))


def test_the_ladder_shows_four_supported_latents(session: Session, fitted: list[Fitted]) -> None:
    judge = session.world.judges("test")["truth"].tower("image")
    rows = study.ladder(fitted[0], judge, pictures=3)
    assert rows.percentile.tolist() == [p for p in (100, 75, 50, 25) for _ in range(3)]
    assert rows.score.is_monotonic_decreasing
    dense = fitted[0].codes.csr().toarray()
    assert (dense[rows.picture, rows.latent] > 0).all() and ((dense[:, rows.latent] > 0).sum(axis=0) >= 10).all()
    assert study.ladder_figure(session, rows) is not None


def test_a_ladder_without_a_supported_latent_is_refused(session: Session, fitted: list[Fitted]) -> None:
    judge = session.world.judges("test")["truth"].tower("image")
    nothing = SparseCodes.from_matrix(fitted[0].codes.ids, np.zeros((150, 128), np.float32))
    with pytest.raises(CompanionError, match=r"no latent is active on 10 of 150 test pictures; --set splits\.test=N"):
        study.ladder(replace(fitted[0], codes=nothing), judge)
