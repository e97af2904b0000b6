"""The studies of paper 1 on a small world, each against its definition in plain numpy."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lib.base.errors import CompanionError, NotAvailable
from lib.metrics.monosemanticity import monosemanticity
from lib.papers.common import ms_scores as study
from lib.papers.common.dictionaries import Fitted, Recipe, fit_recipe, fit_recipes, recipe_training
from lib.sae.base import SAE
from lib.sae.codes import SparseCodes
from lib.worlds.profiles import load_profile
from lib.worlds.session import Session, open_session

SMALL = ["splits.train=300", "splits.dev=5", "splits.test=150", "sae.steps=20", "sae.batch=64", "seeds=[0]"]
RECIPES = [Recipe("matryoshka", 1, 8), Recipe("matryoshka", 1, 8, trained=False), Recipe("batch_topk", 1, 8)]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPANION_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield open_session("10_monosemanticity", load_profile("scenes", SMALL))


@pytest.fixture(scope="module")
def fitted(session: Session) -> list[Fitted]:
    return fit_recipes(session, RECIPES)


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
    arms = {"raw", "raw ReLU", "rotated", "matryoshka", "untrained", "batch_topk", "nearest", "resized"}
    assert set(table.arm) == arms | {"shuffled matryoshka", "shuffled batch_topk"}
    assert set(table.judge) == {"network", "truth"}
    judge = session.world.judges("test")["truth"].tower("image").astype(np.float64)
    raw = slow_score(session.world.embeddings("test").tower("image").astype(np.float64), judge)
    dense = fitted[0].codes.csr().toarray().astype(np.float64)
    scores = slow_score(dense, judge)
    live = ~np.isnan(scores)
    row = table[(table.arm == "matryoshka") & (table.judge == "truth")].iloc[0]
    assert row["mean"] == pytest.approx(scores[live].mean(), abs=1e-5)
    assert row.images == np.median((dense > 0).sum(axis=0)[live])
    untrained = slow_score(fitted[1].codes.csr().toarray().astype(np.float64), judge)
    untrained = untrained[~np.isnan(untrained)]
    higher = [np.sign(a - b) / 2 + 0.5 for a in scores[live] for b in untrained]
    assert row.above_untrained == pytest.approx(np.mean(higher), abs=1e-3)
    nearest = table[(table.arm == "nearest") & (table.judge == "truth")].iloc[0]
    assert nearest.live == 1 and nearest.images == round(150 * 8 / 128) and nearest["mean"] > row["mean"]
    assert (row.l0_equal, row.r2) == (8, fitted[0].fidelity.r2) and row.l0_free > row.l0
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
    judge = session.world.judges("test")["network"].tower("image").astype(np.float64)
    kept = agreement.latent.to_numpy()
    for half, name in enumerate(("first_half", "second_half")):
        np.testing.assert_allclose(agreement[name], slow_score(dense[half::2][:, kept], judge[half::2]), atol=1e-5)
    other = study.shuffled(fitted[0].codes, 0).csr().toarray()[:, kept]
    np.testing.assert_allclose(agreement["network, other images"], slow_score(other, judge), atol=1e-5)


def test_overlap_of_top_pictures(session: Session, fitted: list[Fitted]) -> None:
    row = study.distinctness(session, fitted[:1]).iloc[0]
    codes = fitted[0].sae.codes(session.world.embeddings("train")).csr().toarray()
    full = np.flatnonzero((codes > 0).sum(axis=0) >= study.TOP_IMAGES)
    tops = [set(np.argsort(-codes[:, latent], kind="stable")[: study.TOP_IMAGES]) for latent in full]
    shared = [bool(a & b) for i, a in enumerate(tops) for b in tops[i + 1 :]]
    assert row.latents == len(full)
    assert row["any"] == pytest.approx(np.mean(shared))
    assert row.half_random == 0


def test_scores_are_measured_on_more_images_with_the_same_dictionaries() -> None:
    session = open_session("10_monosemanticity", load_profile("scenes", SMALL))
    more = study.scored(session)
    assert (session.world.sizes["test"], more.world.sizes["test"]) == (150, 10_000)
    assert more.world.sizes["train"] == 300 and (more.results, more.profile.name) == (
        session.results,
        session.profile.name,
    )
    few = open_session("10_monosemanticity", load_profile("tiny-imagenet"))
    assert study.scored(few).world.sizes == few.world.sizes


def test_wider_dictionaries_train_longer_at_one_higher_rate(session: Session) -> None:
    runs = {e: recipe_training(session, study.wide_recipe(session, "matryoshka", e), 0).config for e in (1, 2, 8)}
    assert {e: (config.steps, config.decay) for e, config in runs.items()} == {1: (20, 0), 2: (40, 0.2), 8: (40, 0.2)}
    first, *wider = (config.lr for config in runs.values())
    assert first is not None and wider == pytest.approx([2**0.5 * first] * 2)
    assert study.paper_k(session) == 3
    plain = open_session("10_monosemanticity", load_profile("scenes", [*SMALL, "sae.longer=false"]))
    assert study.wide_recipe(plain, "matryoshka", 8) == Recipe("matryoshka", 8, 8)


def test_the_probability_to_be_higher_counts_ties_half() -> None:
    assert study.superiority(np.array([1.0, 3.0]), np.array([0.0, 1.0, 2.0, 4.0])) == (1.5 + 3) / 8


def test_the_ladder_shows_four_supported_latents(session: Session, fitted: list[Fitted]) -> None:
    judge = session.world.judges("test")["truth"].tower("image")
    rows = study.score_ladder(fitted[0], judge, pictures=3)
    assert rows.percentile.tolist() == [p for p in (100, 75, 50, 25) for _ in range(3)]
    assert rows.score.is_monotonic_decreasing
    dense = fitted[0].codes.csr().toarray()
    assert (dense[rows.picture, rows.latent] > 0).all() and ((dense[:, rows.latent] > 0).sum(axis=0) >= 10).all()
    assert study.ladder_figure(session, rows) is not None


def test_what_no_latent_is_supported_for_has_no_rows(session: Session, fitted: list[Fitted]) -> None:
    judge = session.world.judges("test")["truth"].tower("image")
    nothing = replace(fitted[0], codes=SparseCodes.from_matrix(fitted[0].codes.ids, np.zeros((150, 128), np.float32)))
    ladder = study.score_ladder(nothing, judge)
    assert len(ladder) == 0 and study.ladder_figure(session, ladder) is None
    assert len(study.judge_agreement(session, [nothing])) == 0


def test_what_cannot_be_computed_is_empty_in_the_table(session: Session, fitted: list[Fitted]) -> None:
    assert np.isnan(study.superiority(np.array([]), np.array([1.0])))
    assert np.isnan(study.superiority(np.array([1.0]), np.array([])))
    dead = monosemanticity(SparseCodes.from_matrix(fitted[0].codes.ids, np.zeros((150, 3))), np.eye(150)[:, :9] + 1)
    assert study._summary(dead, 0.5) == {"live": 0.0, "chance": dead.chance}
    row = study.distinctness(session, [replace(fitted[0], sae=silent(fitted[0].sae))]).iloc[0]
    assert row.latents == 0 and row[["any", "half", "any_random", "half_random"]].isna().all()


def silent(sae: SAE) -> SAE:
    """The dictionary with an encoder that activates nothing."""
    other = copy.deepcopy(sae)
    with torch.no_grad():
        other.encoder.zero_()
        other.b_enc.fill_(-1)
    return other


def test_a_sweep_goes_no_further_than_the_width(cache: Path, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).standard_normal((90, 16))
    np.save(tmp_path / "image.npy", rows)
    np.save(tmp_path / "text.npy", rows)
    sizes = ["splits.train=20", "splits.dev=10", "splits.test=60", "sae.steps=2", "sae.batch=16", "sae.k=4"]
    own = open_session("10_x", load_profile("own-arrays", [f"folder={tmp_path}", *sizes, "seeds=[0]"]))
    recipes = study.ms_recipes(own)
    assert max(one.k for one in recipes) == 16
    table = study.score_table(own, [fit_recipe(own, Recipe("matryoshka", 1, 1), 0)])
    over = table[table.k == 32]
    assert set(over.arm) == {"matryoshka", "shuffled matryoshka", "untrained", "nearest"} and over["mean"].isna().all()
    small = open_session("10_x", load_profile("own-arrays", [f"folder={tmp_path}", *sizes, "splits.test=59"]))
    line = "needs at least 16 in train, 60 in test, and there are 20 in train, 59 in test; --set splits.train=N --set"
    with pytest.raises(CompanionError, match=line):
        study.scored(small)


def test_a_judge_that_the_world_lacks_is_one_line(cache: Path) -> None:
    sounds = open_session("10_monosemanticity", load_profile("sounds", SMALL))
    line = r"^world sounds has no judge 'network' \(it has truth\); use profile scenes$"
    with pytest.raises(NotAvailable, match=line):
        study.sorted_scores(sounds, [], "network")
